/// Sealed files: encrypted and authenticated under a data owner's key, in chunks that are read in
/// any order. Trust level: holds keys and private data; sealed bytes are hostile.
@NullMarked
package asymml.attest.seal;

import org.jspecify.annotations.NullMarked;
