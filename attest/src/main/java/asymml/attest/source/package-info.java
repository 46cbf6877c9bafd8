/// Where a process gets evidence about itself: files of the kernel or of Gramine, or none. Trust
/// level: trusted process; the files are the host's.
@NullMarked
package asymml.attest.source;

import org.jspecify.annotations.NullMarked;
