/// The public Java API: what a run is to compute, with which workers, and the run itself. Trust
/// level: TRUSTED, it sees data and models.
@NullMarked
package asymml.session;

import org.jspecify.annotations.NullMarked;
