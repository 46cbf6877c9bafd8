/// Options that several commands share, each declared once, and how their values are read. Trust
/// level: trusted.
@NullMarked
package asymml.cli.options;

import org.jspecify.annotations.NullMarked;
