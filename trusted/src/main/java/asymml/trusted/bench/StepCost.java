package asymml.trusted.bench;

/// What one training step costs, a mean over several.
///
/// @param wallMillis time that passes
/// @param trustedCpuMillis processor time of this process, all of its threads
/// @param workerCpuMillis processor time of the worker process, as it says; 0 without one
/// @param bytesToWorker tensor bytes released
/// @param bytesFromWorker tensor bytes that came back
public record StepCost(
    double wallMillis,
    double trustedCpuMillis,
    double workerCpuMillis,
    long bytesToWorker,
    long bytesFromWorker) {}
