/// Attacks on recordings, and suites of attacks on several plans. Trust level: TRUSTED; results are
/// statistics of private data, covered by no guarantee.
@NullMarked
package asymml.study.attack;

import org.jspecify.annotations.NullMarked;
