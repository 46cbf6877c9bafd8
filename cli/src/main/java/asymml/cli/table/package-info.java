/// Results as text: tables for a terminal, a file or a pipe. Trust level: trusted.
@NullMarked
package asymml.cli.table;

import org.jspecify.annotations.NullMarked;
