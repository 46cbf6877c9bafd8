package asymml.trusted.run;

import asymml.model.FileReason;
import asymml.model.PrivateFiles;
import asymml.privacy.Ledger;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A run directory that this process alone writes to, until it is closed or the process ends.
///
/// The lock is the operating system's on the file `.lock`, so a killed trainer leaves none behind.
/// The file itself stays: deleting it would let a third process lock a new one beside the second.
///
/// Directories that are created have mode 0700 and files 0600: weights, metrics and logs tell of
/// the private data. A directory that is there already keeps its mode.
public final class RunDirectory implements AutoCloseable {
  private static final DateTimeFormatter STAMP =
      DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss", Locale.ROOT);
  private static final Pattern NAME_PART = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*");

  /// The directories of this process. The system's lock belongs to the process: to open and close
  /// the file once more would give it up.
  private static final Set<Path> OF_THIS_PROCESS = ConcurrentHashMap.newKeySet();

  private final RunLayout layout;
  private final Path place;
  private final FileChannel lockFile;
  private final AtomicBoolean closed = new AtomicBoolean();

  /// Whether the directory was made for this run, under a name that nobody else has given.
  private boolean named;

  private RunDirectory(RunLayout layout, Path place, FileChannel lockFile) {
    this.layout = layout;
    this.place = place;
    this.lockFile = lockFile;
  }

  /// Creates a new run directory `<yyyyMMdd-HHmmss>-<model>-<mode>`, with `-2`, `-3`, ... behind it
  /// where runs start within the same second.
  ///
  /// @param runs the directory to create it in; created if absent
  /// @param clock gives the time and the zone of the name
  /// @param model the model's name, of letters, digits, `.`, `_` and `-`
  /// @param mode the mode's name, of the same characters
  /// @return the locked directory, with an empty `events`
  /// @throws IOException one line that says what cannot be created
  /// @throws IllegalArgumentException if a name has other characters
  public static RunDirectory createUnder(Path runs, Clock clock, String model, String mode)
      throws IOException {
    return createUnder(runs, clock, model, mode, RunLayout::new);
  }

  /// The same for a run whose files are stored in another way.
  ///
  /// @param runs the directory to create it in; created if absent
  /// @param clock gives the time and the zone of the name
  /// @param model the model's name, of letters, digits, `.`, `_` and `-`
  /// @param mode the mode's name, of the same characters
  /// @param layouts of a directory's name
  /// @return the locked directory
  /// @throws IOException one line that says what cannot be created
  /// @throws IllegalArgumentException if a name has other characters
  public static RunDirectory createUnder(
      Path runs, Clock clock, String model, String mode, Function<Path, RunLayout> layouts)
      throws IOException {
    String base =
        LocalDateTime.now(clock).format(STAMP) + "-" + checkPart(model) + "-" + checkPart(mode);
    createDirectories(runs);
    Path directory = runs.resolve(base);
    for (int i = 2; !createdNow(directory); i++) {
      directory = runs.resolve(base + "-" + i);
    }
    RunDirectory run = create(layouts.apply(directory));
    run.named = true;
    return run;
  }

  /// Starts a new run in a directory.
  ///
  /// @param directory created if absent; if it exists, it must not hold a run
  /// @return the locked directory, with an `events` directory
  /// @throws IOException one line that says what is in the way and how to mend it
  public static RunDirectory create(Path directory) throws IOException {
    return create(new RunLayout(directory));
  }

  /// Starts a new run in a directory.
  ///
  /// @param layout its directory is created if absent; if it exists, it must not hold a run
  /// @return the locked directory, with an `events` directory unless its files are sealed
  /// @throws IOException one line that says what is in the way and how to mend it
  public static RunDirectory create(RunLayout layout) throws IOException {
    Path directory = layout.directory();
    createDirectories(directory);
    RunDirectory run = lock(layout);
    try {
      String found = run.firstFile();
      if (found != null) {
        throw new IOException(
            directory
                + " already holds a run ("
                + found
                + "): resume it or choose another output directory");
      }
      run.createEvents();
      return run;
    } catch (IOException e) {
      throw closing(run, e);
    }
  }

  /// Event files hold losses in clear: a sealed run has none.
  private void createEvents() throws IOException {
    if (!layout.store().isSealed()) {
      createDirectories(layout.events());
    }
  }

  /// Continues a run.
  ///
  /// @param directory a run directory with a configuration and a checkpoint
  /// @return the locked directory
  /// @throws IOException one line that says what is missing and how to mend it
  public static RunDirectory resume(Path directory) throws IOException {
    return resume(new RunLayout(directory));
  }

  /// Continues a run.
  ///
  /// @param layout of a directory with a configuration and a checkpoint
  /// @return the locked directory
  /// @throws IOException one line that says what is missing and how to mend it
  public static RunDirectory resume(RunLayout layout) throws IOException {
    Path directory = layout.directory();
    if (!Files.isDirectory(directory)) {
      throw new IOException(
          "there is no run directory "
              + directory
              + " to resume: check the path or start a new run");
    }
    RunDirectory run = lock(layout);
    try {
      if (layout.holdsSealedRun() && !layout.store().isSealed()) {
        throw new IOException(
            directory + " holds a sealed run, which is resumed with its owner's key");
      }
      for (Path file : new Path[] {run.layout.config(), run.layout.checkpoint()}) {
        if (!Files.isRegularFile(file)) {
          throw new IOException(
              directory
                  + " cannot be resumed, it has no "
                  + file.getFileName()
                  + ": start a new run in another directory");
        }
      }
      run.createEvents();
      return run;
    } catch (IOException e) {
      throw closing(run, e);
    }
  }

  private static RunDirectory lock(RunLayout layout) throws IOException {
    Path place = layout.directory().toRealPath();
    if (!OF_THIS_PROCESS.add(place)) {
      throw inUse(layout);
    }
    FileChannel channel;
    try {
      channel =
          PrivateFiles.open(layout.lock(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    } catch (IOException e) {
      OF_THIS_PROCESS.remove(place);
      throw new IOException(
          "cannot write into run directory " + layout.directory() + ": " + FileReason.of(e), e);
    }
    RunDirectory run = new RunDirectory(layout, place, channel);
    try {
      if (channel.tryLock() == null) {
        throw inUse(layout);
      }
      return run;
    } catch (IOException e) {
      throw closing(run, e);
    }
  }

  private static IOException inUse(RunLayout layout) {
    return new IOException(
        layout.directory()
            + " is in use by another trainer: wait until it ends or choose another output"
            + " directory");
  }

  private static IOException closing(RunDirectory run, IOException why) {
    try {
      run.close();
    } catch (IOException e) {
      why.addSuppressed(e);
    }
    return why;
  }

  private static void createDirectories(Path directory) throws IOException {
    try {
      PrivateFiles.createDirectories(directory);
    } catch (FileAlreadyExistsException e) {
      throw new IOException(
          directory + " is a file, not a directory: choose another output directory", e);
    } catch (IOException e) {
      throw new IOException("cannot create directory " + directory + ": " + FileReason.of(e), e);
    }
  }

  private static boolean createdNow(Path directory) throws IOException {
    try {
      PrivateFiles.createDirectory(directory);
      return true;
    } catch (FileAlreadyExistsException e) {
      return false;
    } catch (IOException e) {
      throw new IOException("cannot create directory " + directory + ": " + FileReason.of(e), e);
    }
  }

  private static String checkPart(String part) {
    if (!NAME_PART.matcher(part).matches()) {
      throw new IllegalArgumentException(
          "a part of a run's name has letters, digits, '.', '_' and '-' only: " + part);
    }
    return part;
  }

  /// The name of a file that shows that a run was here, if there is one. One that ended before its
  /// first checkpoint released nothing and learned nothing: the next attempt may follow in the same
  /// directory. So may one after a worker's log alone, of a worker that did not start.
  private @Nullable String firstFile() {
    List<Path> lasting = new ArrayList<>(List.of(layout.checkpoint(), layout.metrics()));
    if (layout.store().isSealed()) {
      // No run in clear may be there either.
      RunLayout clear = new RunLayout(layout.directory());
      lasting.addAll(List.of(clear.checkpoint(), clear.metrics(), clear.ledger()));
    } else if (layout.holdsSealedRun()) {
      return layout.checkpoint().getFileName() + RunLayout.SEALED;
    }
    if (!releasedNothing()) {
      lasting.add(layout.ledger());
    }
    if (!Files.exists(layout.runFile())) {
      // A configuration that no run wrote is its user's.
      lasting.add(layout.config());
    }
    return lasting.stream()
        .filter(Files::exists)
        .map(file -> file.getFileName().toString())
        .findFirst()
        .orElse(null);
  }

  private boolean releasedNothing() {
    try {
      Ledger ledger = LedgerFile.readIfAny(layout);
      return ledger == null || ledger.steps() == 0;
    } catch (IOException e) {
      // What cannot be read may be anything.
      return false;
    }
  }

  /// The names of the run's files.
  ///
  /// @return the layout
  public RunLayout layout() {
    return layout;
  }

  /// Gives up the lock, and deletes a directory that was named here and holds nothing: of a run
  /// whose worker did not answer. May be called more than once.
  ///
  /// @throws IOException if the lock file cannot be closed, or the directory not be deleted
  @Override
  public void close() throws IOException {
    if (!closed.getAndSet(true)) {
      try {
        lockFile.close();
        if (named) {
          deleteIfUnused();
        }
      } finally {
        OF_THIS_PROCESS.remove(place);
      }
    }
  }

  private void deleteIfUnused() throws IOException {
    List<Path> empty = List.of(layout.lock(), layout.events());
    List<Path> found;
    try (Stream<Path> all = Files.walk(place)) {
      found = all.filter(path -> !path.equals(place)).toList();
    }
    if (found.stream()
        .allMatch(path -> empty.contains(layout.directory().resolve(path.getFileName())))) {
      for (Path path : found) {
        Files.delete(path);
      }
      Files.delete(place);
    }
  }
}
