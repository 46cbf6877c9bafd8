/// The `asymml` command and its subcommands: parse, call, print. Trust level: trusted (it runs in
/// the trusted process); it starts the worker as a process and never links it.
@NullMarked
package asymml.cli;

import org.jspecify.annotations.NullMarked;
