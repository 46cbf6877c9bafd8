/// The adversary's side: reads recordings of a worker and public knowledge, and nothing else. Trust
/// level: UNTRUSTED. The build keeps private data out of its reach: it cannot see `trusted`.
@NullMarked
package asymml.analysis;

import org.jspecify.annotations.NullMarked;
