package asymml.attest.source;

import asymml.attest.EvidenceException;
import java.io.IOException;

/// Where a process gets evidence about itself.
public sealed interface EvidenceSource permits ConfigfsTsm, Gramine, None {
  /// Asks for evidence about 64 bytes. It can take seconds.
  ///
  /// @param reportData 64 bytes
  /// @return evidence that holds them
  /// @throws IOException one line, if the file interface fails or is not there
  /// @throws EvidenceException one line, if it answers with something else than evidence
  /// @throws InterruptedException if the thread is interrupted while it waits
  RawEvidence get(byte[] reportData) throws IOException, EvidenceException, InterruptedException;

  /// What it is.
  ///
  /// @return a few words
  String description();
}
