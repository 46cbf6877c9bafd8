package asymml.study.attack;

import asymml.analysis.WorkerView;
import asymml.study.StudyException;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.FirstStep;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.function.ObjDoubleConsumer;
import org.jspecify.annotations.Nullable;

/// Attacks a recording of what a worker saw in a run's first step, and scores what comes out
/// against the truth.
public final class RecordingAttack {
  private final AttackTarget target;
  private final AttackSettings settings;
  private final int publicImages;
  private final AttackCache cache;

  /// @param publicImages how many images the attacker knows
  /// @param cache from plan to plan
  RecordingAttack(
      AttackTarget target, AttackSettings settings, int publicImages, AttackCache cache) {
    this.target = target;
    this.settings = settings;
    this.publicImages = publicImages;
    this.cache = cache;
  }

  /// Attacks one recording.
  ///
  /// @param target what to attack
  /// @param attacks which
  /// @param settings how hard they try
  /// @return scores and notes
  /// @throws IOException if a file cannot be read
  /// @throws StudyException if the recording is none of that run, or the run is not finite
  public static AttackReport run(
      AttackTarget target, Set<AttackName> attacks, AttackSettings settings)
      throws IOException, StudyException {
    long began = System.nanoTime();
    int known =
        AttackTarget.publicImages(target.data(), settings.publicImages(), AttackTarget.CANDIDATES);
    try {
      AttackContext context =
          new RecordingAttack(target, settings, known, new AttackCache())
              .run(attacks, (_, _) -> {});
      return new AttackReport(context.scores(), context.notes(), (System.nanoTime() - began) / 1e9);
    } catch (IllegalArgumentException e) {
      throw new StudyException(
          "%s is no recording of %s that can be scored: %s"
              .formatted(target.recording(), target.run().directory(), e.getMessage()),
          e);
    }
  }

  /// Attacks.
  ///
  /// @param done hears of each attack and the seconds it took
  /// @throws IllegalArgumentException if the recording does not begin with the run's first step
  AttackContext run(Set<AttackName> attacks, ObjDoubleConsumer<AttackName> done)
      throws IOException, StudyException {
    RunLayout run = target.run();
    try (WorkerView view = WorkerView.open(target.recording());
        FirstStep truth = new FirstStep(target.config(), target.data(), target.drawn())) {
      AttackContext context =
          new AttackContext(
              view,
              truth,
              target.config(),
              LedgerFile.readIfAny(run.ledger()),
              target.data(),
              publicImages,
              settings.layers());
      @Nullable Path model = Files.exists(run.model()) ? run.model() : null;
      LayerAttacks layerAttacks =
          new LayerAttacks(
              context,
              new LearnedAttacks(
                  new AttackerEngine(), context, settings.inversionIterations(), cache),
              new ReleasedModelAttack(new AttackerEngine(), context, model, cache),
              settings.maxUnknowns());
      for (AttackName attack : attacks) {
        long began = System.nanoTime();
        layerAttacks.attack(attack);
        done.accept(attack, (System.nanoTime() - began) / 1e9);
      }
      return context;
    } catch (NonFiniteException e) {
      throw new StudyException("the activations of the run's first step are not finite", e);
    }
  }
}
