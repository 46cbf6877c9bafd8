/// Bounded reading of hostile bytes, certificates and signatures, with the JDK's cryptography
/// alone. Trust level: the data owner's machine; not exported.
@NullMarked
package asymml.attest.crypto;

import org.jspecify.annotations.NullMarked;
