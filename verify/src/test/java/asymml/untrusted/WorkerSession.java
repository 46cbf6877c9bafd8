package asymml.untrusted;

import asymml.kernels.MemoryBudget;
import asymml.wire.Link;
import asymml.wire.ProtocolException;
import asymml.wire.Transport;

/// A worker's session over any transport, for tests that write down or replay its bytes.
public final class WorkerSession {
  private WorkerSession() {}

  /// Serves one trainer on the CPU.
  ///
  /// @param transport what the bytes go through; closed
  /// @param limitBytes what the trainer can make the worker take
  /// @return the bytes that were taken and not given back
  /// @throws ProtocolException if the trainer left without a word or broke the protocol
  /// @throws InterruptedException if the test is to end
  public static long serve(Transport transport, long limitBytes)
      throws ProtocolException, InterruptedException {
    MemoryBudget budget = new MemoryBudget(limitBytes);
    try (Backend backend = new CpuBackend(budget);
        Link link = new Link(transport)) {
      new Session(link, backend, budget, () -> 77).run();
    } catch (ProtocolException e) {
      if (budget.takenBytes() > 0) {
        throw new IllegalStateException(budget.takenBytes() + " bytes were not given back", e);
      }
      throw e;
    }
    return budget.takenBytes();
  }
}
