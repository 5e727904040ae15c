// Command kpt is the part of kpt that gets packages and runs functions: `kpt
// pkg get`, `kpt fn render`, `kpt fn eval` and their like.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/kptdev/kpt/commands/fn"
	"github.com/kptdev/kpt/commands/pkg"
	"github.com/kptdev/kpt/pkg/printer"
	"github.com/spf13/cobra"
)

func main() {
	ctx := printer.WithContext(context.Background(), printer.New(os.Stdout, os.Stderr))
	root := &cobra.Command{Use: "kpt", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(fn.GetCommand(ctx, "kpt"), pkg.GetCommand(ctx, "kpt"))
	if err := root.ExecuteContext(ctx); err != nil {
		// kpt's own main, too, is silent about what has been told already.
		if !strings.HasSuffix(err.Error(), "already handled error") {
			fmt.Fprintln(os.Stderr, "Error:", err)
		}
		os.Exit(1)
	}
}
