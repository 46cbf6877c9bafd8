package asymml.trusted.bench;

import java.util.List;

/// What one training step costs, a mean over several.
///
/// @param wallMillis time that passes
/// @param trustedCpuMillis processor time of this process, all of its threads
/// @param workerCpuMillis processor time of the worker process, as it says; 0 without one
/// @param bytesToWorker tensor bytes released
/// @param bytesFromWorker tensor bytes received
public record StepCost(
    double wallMillis,
    double trustedCpuMillis,
    double workerCpuMillis,
    long bytesToWorker,
    long bytesFromWorker) {
  /// The mean of several.
  ///
  /// @param costs at least one, of equally many steps
  /// @return the mean of each value
  public static StepCost mean(List<StepCost> costs) {
    return new StepCost(
        costs.stream().mapToDouble(StepCost::wallMillis).average().orElseThrow(),
        costs.stream().mapToDouble(StepCost::trustedCpuMillis).average().orElseThrow(),
        costs.stream().mapToDouble(StepCost::workerCpuMillis).average().orElseThrow(),
        costs.getFirst().bytesToWorker(),
        costs.getFirst().bytesFromWorker());
  }
}
