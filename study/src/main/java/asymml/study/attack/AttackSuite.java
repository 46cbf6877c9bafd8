package asymml.study.attack;

import asymml.analysis.score.Score;
import asymml.model.PrivateFiles;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.session.TrainingSpec;
import asymml.study.StudyException;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Progress;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;

/// Records short runs of several plans and attacks each. A plan's result is written as soon as it
/// is done: a suite that was stopped is resumed by running it again.
public final class AttackSuite {
  private static final Set<AttackName> ON_FEW = EnumSet.of(AttackName.GRADIENT_INVERSION);

  /// Public images of the runs that need some.
  private static final int PUBLIC_IMAGES = 64;

  private final SuiteSpec spec;
  private final SuiteFiles files;
  private final SuiteListener listener;
  private final AttackCache cache = new AttackCache();

  /// Plans a suite.
  ///
  /// @param spec what to attack
  /// @param directory for results; one with a suite of the same settings is resumed
  /// @param command as it was given, for the files
  /// @param listener hears how it goes
  public AttackSuite(SuiteSpec spec, Path directory, String command, SuiteListener listener) {
    this.spec = spec;
    this.files = new SuiteFiles(directory, spec, command);
    this.listener = listener;
  }

  /// Attacks what has no result yet.
  ///
  /// @param progress hears how far the decoding of images is
  /// @return results of all plans that are done, in the order of [SuitePlan#all]
  /// @throws DataException if anything is wrong with the data
  /// @throws IOException if a file cannot be written or a worker fails
  /// @throws StudyException if the directory holds something else, a run is not finite, or one
  ///   cannot be trained for another reason than divergence
  public List<SuiteResult> run(Progress progress)
      throws DataException, IOException, StudyException {
    files.prepare();
    DataSet data = open(progress);
    int candidates = data.train().size();
    int known = AttackTarget.publicImages(data, spec.settings().publicImages(), candidates);
    List<SuiteResult> results = new ArrayList<>();
    for (SuitePlan plan : SuitePlan.all()) {
      int number = 1 + names(spec.plans()).indexOf(plan.name());
      if (files.has(plan)) {
        listener.found(plan, number);
        results.add(files.read(plan));
      } else if (number > 0) {
        listener.started(plan, number);
        SuiteResult result = attack(plan, data, known);
        files.write(plan, result);
        results.add(result);
      }
      files.write(results, data.name());
    }
    files.deleteWork();
    return results;
  }

  private static List<String> names(List<SuitePlan> plans) {
    return plans.stream().map(SuitePlan::name).toList();
  }

  private DataSet open(Progress progress) throws DataException {
    DataSpec data = spec.common().data();
    int members = data.limitTrain().images();
    DataSet opened =
        data.withLimits(data.limitTrain(), new Limit(spec.settings().publicImages() + members))
            .open(spec.common().training().seed(), progress);
    // As runs that are accounted for take them.
    return opened.withTrain(opened.train().distinct());
  }

  private SuiteResult attack(SuitePlan plan, DataSet data, int known)
      throws IOException, StudyException {
    long began = System.nanoTime();
    Found found = new Found();
    OptionalDouble accuracy =
        attack(
            plan, spec.run(plan), data, known, EnumSet.complementOf(EnumSet.copyOf(ON_FEW)), found);
    TrainingSpec few = spec.onFewImages(plan);
    attack(plan, few, limited(data, few.data().limitTrain().images()), known, ON_FEW, found);
    return new SuiteResult(
        plan.name(),
        plan.words(),
        spec.settings(plan),
        accuracy,
        (System.nanoTime() - began) / 1e9,
        found.scores,
        found.notes,
        found.pictures);
  }

  /// What the attacks on a plan's runs came to.
  private static final class Found {
    private final List<Score> scores = new ArrayList<>();
    private final List<SuiteResult.Note> notes = new ArrayList<>();
    private final List<SuiteResult.Picture> pictures = new ArrayList<>();
  }

  private static DataSet limited(DataSet data, int images) {
    return new DataSet(
        data.name(),
        data.train().subset(images, 0),
        data.test(),
        data.normalization(),
        data.flip(),
        data.cropPadding());
  }

  /// Records a run and attacks it.
  ///
  /// @return its training accuracy
  private OptionalDouble attack(
      SuitePlan plan,
      TrainingSpec run,
      DataSet data,
      int known,
      Set<AttackName> attacks,
      Found found)
      throws IOException, StudyException {
    files.deleteWork();
    PrivateFiles.createDirectories(files.work());
    RecordedRun recorded = record(run, plan.view(), data, known);
    AttackTarget target =
        new AttackTarget(
            recorded.recording(), recorded.layout(), run.training(), data, recorded.drawn());
    AttackContext context =
        new RecordingAttack(target, spec.settings(), known, cache).run(attacks, listener::attacked);
    found.scores.addAll(context.scores());
    context
        .notes()
        .forEach(
            note -> found.notes.add(new SuiteResult.Note(note.attack().label(), note.toString())));
    for (AttackPicture picture : context.imageScoring().pictures()) {
      found.pictures.add(files.write(plan, picture));
    }
    return recorded.trainAccuracy();
  }

  /// Trains on the data, with a few of its test images for public ones.
  private RecordedRun record(TrainingSpec run, int which, DataSet data, int known)
      throws IOException, StudyException {
    long began = System.nanoTime();
    DataSet brief =
        new DataSet(
            data.name(),
            data.train(),
            data.test().subset(Math.min(known, PUBLIC_IMAGES), run.training().seed()),
            data.normalization(),
            data.flip(),
            data.cropPadding());
    try {
      RecordedRun recorded = RecordedRun.of(run, which, brief, files.work().resolve("run"));
      listener.recorded((System.nanoTime() - began) / 1e9);
      return recorded;
    } catch (TrainingException e) {
      throw new StudyException(String.valueOf(e.getMessage()), e);
    }
  }
}
