//go:build tools

// Package tools names the program that this module builds: the dapr CLI.
package tools

import _ "github.com/dapr/cli"
