/// The files of a training run: its directory, configuration facts, metrics and event logs. Trust
/// level: TRUSTED; what it writes is aggregates that the data owner reads, never examples.
@NullMarked
package asymml.trusted.run;

import org.jspecify.annotations.NullMarked;
