"""`python -m quartet` is the command `quartet`, where nothing has put that on the PATH."""

from quartet.cli.main import app

if __name__ == "__main__":
    app()
