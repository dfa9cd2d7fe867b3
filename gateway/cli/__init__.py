"""The command `iccd`: one command a file, imported only when it runs. Answers on stdout, progress and logs on stderr.

Exit codes: 0 fine, 1 data or a source failed, 2 usage or settings (design section 9).
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from gateway import __version__
from gateway.errors import BadQuestion, BadSettings, IccdError

COMMANDS: dict[str, tuple[str, str]] = {
    "ask": ("gateway.cli.ask:ask", "Ask a question and print the answer."),
    "check": ("gateway.cli.check:check", "Check settings, profiles and policies."),
    "demo": ("gateway.cli.demo:demo", "Make six registries, load them, ask, and go on serving."),
    "load": ("gateway.cli.load:load", "Load files into snapshots."),
    "serve": ("gateway.cli.serve:serve", "Serve the front doors."),
    "sources": ("gateway.cli.sources:sources", "List the sources and what they hold."),
    "synth": ("gateway.synth.cli:command", "Make synthetic registries in their own formats."),
    "terminology": ("gateway.cli.terminology:terminology", "Look up, expand, translate and classify codes."),
}
USAGE_ERRORS = (BadQuestion, BadSettings)


class LazyGroup(click.Group):
    """Group that knows its commands by name and imports one only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, or the nearest name."""
        import difflib

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Commands: {', '.join(sorted(COMMANDS))}."
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="iccd")
def iccd() -> None:
    """Interoperability gateway for childhood-cancer registries."""


def main() -> None:
    """Entry point: errors as one clear sentence, never a trace."""
    try:
        code = iccd(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except IccdError as error:
        click.echo(f"iccd: {error}", err=True)
        sys.exit(2 if isinstance(error, USAGE_ERRORS) else 1)
    sys.exit(code if isinstance(code, int) else 0)
