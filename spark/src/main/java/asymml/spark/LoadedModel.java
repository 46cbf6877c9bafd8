package asymml.spark;

import asymml.kernels.Kernels;
import asymml.session.TrainedRun;
import asymml.session.TrainedRun.Prediction;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/// A model in an executor, loaded once. It runs wholly in that process: nothing is released.
final class LoadedModel {
  /// The last model that was used: tasks have no other place in common.
  private static final Map<String, LoadedModel> LAST = new HashMap<>();

  private final TrainedRun run;
  private final List<String> classes;

  /// Memory of networks belongs to one thread.
  private final ExecutorService thread;

  private LoadedModel(TrainedRun run, ExecutorService thread) {
    this.run = run;
    this.classes = run.model().description().classNames();
    this.thread = thread;
  }

  /// The probabilities of an image's classes.
  ///
  /// @param id of the model
  /// @param files of its run
  /// @param image bytes of a JPEG or PNG file
  static double[] probabilities(String id, RunFiles files, byte[] image) throws Exception {
    LoadedModel model;
    synchronized (LAST) {
      model = LAST.get(id);
      if (model == null) {
        LAST.values().forEach(LoadedModel::close);
        LAST.clear();
        model = open(files);
        LAST.put(id, model);
      }
      return model.probabilities(image);
    }
  }

  private static LoadedModel open(RunFiles files) throws Exception {
    Path directory = Files.createTempDirectory("spark-asymml-model-");
    ExecutorService thread =
        Executors.newSingleThreadExecutor(task -> {
          Thread created = new Thread(task, "asymml-model");
          created.setDaemon(true);
          return created;
        });
    try {
      files.write(directory);
      TrainedRun run =
          thread
              .submit(() -> {
                Kernels.setThreads(1);
                return TrainedRun.open(directory);
              })
              .get();
      return new LoadedModel(run, thread);
    } finally {
      for (String name : files.files().keySet()) {
        Files.deleteIfExists(directory.resolve(name));
      }
      Files.deleteIfExists(directory);
    }
  }

  private double[] probabilities(byte[] image) throws InterruptedException, IOException {
    try {
      List<Prediction> predictions =
          thread.submit(() -> run.predict(run.pixels("an image", image))).get();
      double[] probabilities = new double[classes.size()];
      for (Prediction prediction : predictions) {
        probabilities[classes.indexOf(prediction.className())] = prediction.probability();
      }
      return probabilities;
    } catch (ExecutionException e) {
      throw new IOException("an image cannot be classified: " + e.getCause().getMessage(), e);
    }
  }

  private void close() {
    thread.execute(run::close);
    thread.shutdown();
  }
}
