package asymml.session.owner;

import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealedTree;
import asymml.trusted.data.DataArchive;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// The images of a sealed folder, read at any place: nothing of them is in clear but in memory.
final class SealedImages implements DataArchive {
  private final String name;
  private final SealedTree tree;

  SealedImages(Path file, DataKey key) throws IOException {
    name = file.getFileName().toString();
    tree = SealedTree.open(file, key);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public List<String> names() {
    return tree.names();
  }

  @Override
  public long size(String file) {
    return tree.size(file);
  }

  @Override
  public synchronized byte[] read(String file) throws IOException {
    return tree.read(file, 0, Math.toIntExact(tree.size(file)));
  }

  @Override
  public synchronized void close() throws IOException {
    tree.close();
  }
}
