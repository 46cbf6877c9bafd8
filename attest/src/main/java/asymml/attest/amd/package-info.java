/// Evidence of AMD SEV-SNP: attestation reports (AMD 56860), their certificates (AMD 57230) and
/// verification. Trust level: the data owner's machine; reports and certificates are hostile.
@NullMarked
package asymml.attest.amd;

import org.jspecify.annotations.NullMarked;
