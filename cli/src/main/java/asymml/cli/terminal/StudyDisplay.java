package asymml.cli.terminal;

import asymml.study.RunDisplay;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainListener;
import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;

/// Shows the runs of a study as `asymml train` shows its own.
public final class StudyDisplay implements RunDisplay {
  private final ProgressKind kind;
  private final PrintWriter out;
  private @Nullable TrainDisplay shown;

  /// @param kind how runs are shown
  /// @param out for lines
  public StudyDisplay(ProgressKind kind, PrintWriter out) {
    this.kind = kind;
    this.out = out;
  }

  @Override
  public TrainListener started(TrainConfig config) {
    TrainDisplay display = kind.display(out, config);
    shown = display;
    return display;
  }

  @Override
  public void ended() {
    if (shown != null) {
      shown.close();
      shown = null;
    }
  }
}
