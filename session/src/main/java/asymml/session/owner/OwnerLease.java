package asymml.session.owner;

import asymml.attest.release.LeaseBook;
import asymml.attest.release.LeaseClient;
import asymml.trusted.run.StepLease;
import java.io.IOException;

/// The owner counts the steps of a run. Without an owner in reach none is begun that is not counted
/// already.
///
/// @param client asks the owner
record OwnerLease(LeaseClient client) implements StepLease {
  @Override
  public long counted(long listed, long most) throws IOException {
    long counted = client.ask(listed, listed).steps();
    if (counted < listed) {
      throw new IOException(
          "the owner has counted %s steps of this run, and its ledger lists %s: the owner's file of"
                  .formatted(counted, listed)
              + " leases is an old one");
    }
    if (counted - listed > most) {
      throw new IOException(
          "this is an old copy of the run: its ledger lists %s steps, and the owner has counted %s"
              .formatted(listed, counted));
    }
    return counted;
  }

  @Override
  public void change(long from, long to) throws IOException {
    LeaseBook.Answer answer = client.ask(from, to);
    if (!answer.granted()) {
      throw new IOException(
          "another process trains this run: the owner has counted %s steps, this process %s"
              .formatted(answer.steps(), from));
    }
  }
}
