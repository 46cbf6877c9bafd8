package asymml.trusted.data.format;

import asymml.trusted.data.format.ParquetFooter.Chunk;
import asymml.trusted.data.format.ParquetFooter.Group;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Reads the metadata of a Parquet file: the struct FileMetaData of `parquet.thrift`. Field numbers
/// are those of that file.
final class FooterParser {
  private static final int MOST_DEPTH = 32;

  /// Of columns, row groups and their parts together: each takes some memory, and perhaps one byte
  /// of the file.
  private static final int MOST_PARTS = 1 << 20;

  /// An image in a file takes more: many rows of fewer need no memory to be refused.
  private static final int LEAST_IMAGE_BYTES = 16;

  private static final int FEW_ROWS = 1 << 16;

  private static final int OPTIONAL = 1;
  private static final int REPEATED = 2;

  /// ConvertedType UTF8.
  private static final int UTF8 = 0;

  private final ThriftReader in;
  private final long dataBytes;
  private final List<Element> elements = new ArrayList<>();
  private final List<Group> groups = new ArrayList<>();
  private final Map<String, String> metadata = new HashMap<>();
  private final List<ParquetColumn> columns = new ArrayList<>();
  private long rows = -1;
  private boolean encrypted;
  private int next = 1;
  private int parts;

  /// @param in the metadata
  /// @param dataBytes how much of the file is before them
  FooterParser(ThriftReader in, long dataBytes) {
    this.in = in;
    this.dataBytes = dataBytes;
  }

  ParquetFooter parse() throws FormatException {
    in.struct(this::file);
    if (encrypted) {
      throw ParquetFooter.encrypted();
    }
    if (elements.isEmpty()) {
      throw ParquetFooter.damaged("it has no schema");
    }
    for (int i = 0; i < elements.getFirst().children; i++) {
      column(List.of(), 0, false, 0);
    }
    requireConsistent();
    return new ParquetFooter(List.copyOf(columns), List.copyOf(groups), Map.copyOf(metadata));
  }

  private boolean file(int id) throws FormatException {
    switch (id) {
      case 2 ->
          in.list(() -> {
            countPart();
            Element element = new Element();
            in.structField(element);
            elements.add(element);
          });
      case 3 -> rows = in.number();
      case 4 ->
          in.list(() -> {
            countPart();
            GroupFields group = new GroupFields();
            in.structField(group);
            groups.add(new Group(group.rows, List.copyOf(group.chunks)));
          });
      case 5 -> in.list(this::metadata);
      case 8 -> {
        encrypted = true;
        return false;
      }
      default -> {
        return false;
      }
    }
    return true;
  }

  private void countPart() throws FormatException {
    if (++parts > MOST_PARTS) {
      throw new FormatException(
          "has more than %s columns and row groups; write it with larger row groups"
              .formatted(MOST_PARTS));
    }
  }

  private void metadata() throws FormatException {
    countPart();
    String[] pair = {"", ""};
    in.structField(id -> {
      if (id != 1 && id != 2) {
        return false;
      }
      pair[id - 1] = in.text();
      return true;
    });
    metadata.put(pair[0], pair[1]);
  }

  /// SchemaElement: a column, or a group of them.
  private final class Element implements ThriftReader.Fields {
    private String name = "";
    private int type = -1;
    private int repetition;
    private int children;
    private boolean text;

    @Override
    public boolean read(int id) throws FormatException {
      switch (id) {
        case 1 -> type = in.integer();
        case 3 -> repetition = in.integer();
        case 4 -> name = in.text();
        case 5 -> children = in.integer();
        case 6 -> text |= in.integer() == UTF8;
        // LogicalType: a union, whose first field is STRING.
        case 10 ->
            in.structField(logical -> {
              text |= logical == 1;
              return false;
            });
        default -> {
          return false;
        }
      }
      return true;
    }
  }

  /// RowGroup.
  private final class GroupFields implements ThriftReader.Fields {
    private final List<Chunk> chunks = new ArrayList<>();
    private long rows = -1;

    @Override
    public boolean read(int id) throws FormatException {
      switch (id) {
        case 1 ->
            in.list(() -> {
              countPart();
              ChunkFields chunk = new ChunkFields();
              in.structField(chunk);
              chunks.add(chunk.chunk());
            });
        case 3 -> rows = in.number();
        default -> {
          return false;
        }
      }
      return true;
    }
  }

  /// ColumnChunk, with its ColumnMetaData.
  private final class ChunkFields implements ThriftReader.Fields {
    private int type = -1;
    private int codec = -1;
    private long values = -1;
    private long bytes = -1;
    private long data = -1;
    private long dictionary;

    @Override
    public boolean read(int id) throws FormatException {
      switch (id) {
        case 1 -> {
          in.text();
          throw new FormatException(
              "keeps columns in other files, which are not read; write it as one file");
        }
        case 3 -> in.structField(this::metadata);
        case 8, 9 -> {
          encrypted = true;
          return false;
        }
        default -> {
          return false;
        }
      }
      return true;
    }

    private boolean metadata(int id) throws FormatException {
      switch (id) {
        case 1 -> type = in.integer();
        case 4 -> codec = in.integer();
        case 5 -> values = in.number();
        case 7 -> bytes = in.number();
        case 9 -> data = in.number();
        case 11 -> dictionary = in.number();
        default -> {
          return false;
        }
      }
      return true;
    }

    private Chunk chunk() throws FormatException {
      // A dictionary comes first. Some programs declare one at 0 where there is none.
      long from = dictionary > 0 ? Math.min(dictionary, data) : data;
      if (!encrypted
          && (from < 0
              || bytes < 0
              || values < 0
              || bytes > dataBytes
              || from > dataBytes - bytes)) {
        throw ParquetFooter.damaged("a column reaches beyond its data");
      }
      return new Chunk(type, codec, values, from, bytes);
    }
  }

  /// The schema is a tree whose nodes come in depth-first order.
  private void column(List<String> path, int definition, boolean repeated, int depth)
      throws FormatException {
    if (next >= elements.size() || depth > MOST_DEPTH) {
      throw ParquetFooter.damaged("its schema is no tree");
    }
    Element element = elements.get(next++);
    List<String> here = new ArrayList<>(path);
    here.add(element.name);
    int level = definition + (element.repetition == OPTIONAL ? 1 : 0);
    boolean list = repeated || element.repetition == REPEATED;
    if (element.children == 0) {
      columns.add(
          new ParquetColumn(
              columns.size(), List.copyOf(here), element.type, element.text, level, list));
      return;
    }
    for (int i = 0; i < element.children; i++) {
      column(here, level, list, depth + 1);
    }
  }

  private long mostRows() {
    return Math.min(dataBytes, Math.max(FEW_ROWS, dataBytes / LEAST_IMAGE_BYTES));
  }

  private void requireConsistent() throws FormatException {
    long sum = 0;
    for (Group group : groups) {
      if (group.chunks().size() != columns.size()) {
        throw ParquetFooter.damaged("a row group has not all columns");
      }
      if (group.rows() < 0 || group.rows() > mostRows()) {
        throw ParquetFooter.damaged("a row group declares " + group.rows() + " rows");
      }
      sum += group.rows();
      for (ParquetColumn column : columns) {
        Chunk chunk = group.chunks().get(column.index());
        if (chunk.type() != column.type()
            || (!column.repeated() && chunk.values() != group.rows())) {
          throw ParquetFooter.damaged("a column is not as the schema says");
        }
      }
    }
    if (sum != rows || sum > mostRows()) {
      throw ParquetFooter.damaged("it declares " + rows + " rows");
    }
  }
}
