/// Evidence of Intel SGX and TDX: quotes of versions 3 to 5, collateral of Intel's provisioning
/// certification service (PCS v4), verification and TCB status. Trust level: the data owner's
/// machine; quotes and collateral are hostile.
@NullMarked
package asymml.attest.intel;

import org.jspecify.annotations.NullMarked;
