/// Model files of other programs. Runs in the trusted process: what it is given to write is written
/// unprotected, and what it reads may be hostile.
@NullMarked
package asymml.interop;

import org.jspecify.annotations.NullMarked;
