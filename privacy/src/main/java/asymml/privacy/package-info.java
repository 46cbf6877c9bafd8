/// What a run has released, and what that costs: events, accountants and calibration. Trust level:
/// pure mathematics; no private data passes through here, only noise multipliers, rates and counts.
///
/// A [PrivacyEvent] says what happened. An [Accountant] turns it into an epsilon at a delta or a
/// delta at an epsilon: [PldAccountant] tightly, [RdpAccountant] as most papers report it,
/// [GaussianAccountant] exactly where nothing is subsampled. [Calibration] asks the inverse
/// questions. All of it is immutable, and all of it fails closed: an answer is an upper bound or an
/// exception.
@NullMarked
package asymml.privacy;

import org.jspecify.annotations.NullMarked;
