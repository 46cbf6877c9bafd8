/// The terminal: lines that fit it, progress, signals, and output that failed. Trust level:
/// trusted.
@NullMarked
package asymml.cli.terminal;

import org.jspecify.annotations.NullMarked;
