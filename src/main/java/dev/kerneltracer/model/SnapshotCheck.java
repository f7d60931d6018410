package dev.kerneltracer.model;

import dev.kerneltracer.AtomicFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Whether a snapshot is complete, proven from what lies on the disk: every shard that the index
/// names is there, holds the tensors that the index says, and is as long as its own header says;
/// every link leads to a blob; files are as long as the hub's listing says, where huggingface_hub
/// has kept one.
///
/// @param faults what is missing or damaged
/// @param notes what is worth knowing and no fault
public record SnapshotCheck(HubCache.Snapshot snapshot, List<Fault> faults, List<String> notes) {
  private static final JsonMapper JSON = new JsonMapper();

  /// Something is wrong.
  ///
  /// @param file within the snapshot
  /// @param what as in "is missing"
  /// @param ofWeights a run with random weights does not need the file
  /// @param damaged it is there, and wrong
  public record Fault(String file, String what, boolean ofWeights, boolean damaged) {
    public String text() {
      return file + " " + what;
    }
  }

  /// Looks at a snapshot.
  ///
  /// @param hash also read every blob and compare its hash with its name
  public static SnapshotCheck of(HubCache.Snapshot snapshot, boolean hash) {
    Looking looking = new Looking(snapshot);
    try {
      looking.look(hash);
    } catch (IOException e) {
      looking.add(".", "cannot be read: " + AtomicFile.reason(e), false, true);
    }
    return new SnapshotCheck(
        snapshot, List.copyOf(looking.faults.values()), List.copyOf(looking.notes));
  }

  /// Whether nothing is missing or damaged.
  ///
  /// @param weights whether the weights count
  public boolean isComplete(boolean weights) {
    return faults.stream().allMatch(fault -> fault.ofWeights() && !weights);
  }

  /// The command that mends it; null where nothing is to be mended.
  public @Nullable String mend() {
    if (faults.isEmpty()) {
      return null;
    }
    boolean damaged = faults.stream().anyMatch(Fault::damaged);
    String revision =
        snapshot.refs().contains(HubDownload.DEFAULT_REVISION) ? "" : snapshot.commit();
    return "kerneltracer models download "
        + snapshot.name()
        + (damaged ? " --verify" : "")
        + (revision.isEmpty() ? "" : " --revision " + revision);
  }

  /// One look at one snapshot.
  private static final class Looking {
    private static final Set<String> PLAIN_WEIGHTS =
        Set.of("model.safetensors", "pytorch_model.bin");

    private final HubCache.Snapshot snapshot;
    private final Path directory;
    private final Map<String, Fault> faults = new TreeMap<>();
    private final List<String> notes = new ArrayList<>();
    private final Map<String, SafetensorsFile> safetensors = new HashMap<>();

    Looking(HubCache.Snapshot snapshot) {
      this.snapshot = snapshot;
      this.directory = snapshot.directory();
    }

    void add(String file, String what, boolean ofWeights, boolean damaged) {
      faults.putIfAbsent(file, new Fault(file, what, ofWeights, damaged));
    }

    void look(boolean hash) throws IOException {
      List<String> files = files();
      for (String file : files) {
        if (!Files.exists(directory.resolve(file))) {
          add(file, "is a link to nothing", isWeight(file), false);
        }
      }
      if (!files.contains("config.json")) {
        add("config.json", "is missing", false, false);
      }
      List<String> there = files.stream().filter(file -> !faults.containsKey(file)).toList();
      sizes(there);
      contents(there);
      weights(there);
      if (hash) {
        hashes(there);
      }
      incomplete();
    }

    private List<String> files() throws IOException {
      try (Stream<Path> all = Files.walk(directory)) {
        return all.filter(path -> !Files.isDirectory(path))
            .map(path -> directory.relativize(path).toString())
            .sorted()
            .toList();
      }
    }

    /// By the listing that huggingface_hub keeps as `trees/COMMIT.json`.
    private void sizes(List<String> there) {
      Path tree = folder("trees").resolve(snapshot.commit() + ".json");
      JsonNode listing = Files.exists(tree) ? json(tree) : null;
      if (listing == null) {
        return;
      }
      List<String> listed = new ArrayList<>();
      for (Map.Entry<String, JsonNode> entry : listing.path("files").properties()) {
        String file = entry.getKey();
        JsonNode lfs = entry.getValue().path("lfs_size");
        long size = lfs.isNumber() ? lfs.asLong() : entry.getValue().path("size").asLong(-1);
        listed.add(file);
        try {
          if (there.contains(file) && size >= 0 && Files.size(directory.resolve(file)) != size) {
            long has = Files.size(directory.resolve(file));
            add(file, "has " + has + " bytes instead of " + size, isWeight(file), true);
          }
        } catch (IOException e) {
          add(file, "cannot be read: " + AtomicFile.reason(e), isWeight(file), true);
        }
      }
      for (String file : FileSelection.all().of(listed)) {
        if (isWeight(file) && !there.contains(file)) {
          add(file, "is missing", true, false);
        } else if (!there.contains(file) && !faults.containsKey(file)) {
          notes.add(file + " of the hub is not here");
        }
      }
    }

    private void contents(List<String> there) throws IOException {
      for (String file : there) {
        Path path = directory.resolve(file);
        if (file.endsWith(".safetensors")) {
          SafetensorsFile read = SafetensorsFile.read(path);
          safetensors.put(file, read);
          if (read.fault() != null) {
            add(file, read.fault(), true, true);
          }
        } else if (file.endsWith(".bin") && isBrokenZip(path)) {
          add(file, "is cut short or no pickle of torch", true, true);
        } else if (file.endsWith(".json") && file.indexOf('/') < 0 && json(file) == null) {
          add(file, "is no JSON", false, true);
        }
      }
    }

    /// As Transformers looks for them.
    private void weights(List<String> there) {
      for (String single : List.of("model.safetensors", "pytorch_model.bin")) {
        if (there.contains(single)) {
          return;
        }
        String index = single + ".index.json";
        if (there.contains(index)) {
          shards(index, there);
          return;
        }
      }
      if (there.stream().noneMatch(Looking::isWeight)
          && faults.values().stream().noneMatch(Fault::ofWeights)) {
        add("model.safetensors", "or any other file of weights is missing", true, false);
      }
    }

    private void shards(String index, List<String> there) {
      JsonNode read = json(index);
      if (read == null) {
        return; // told already
      }
      Map<String, Set<String>> tensorsOfShard = new TreeMap<>();
      for (Map.Entry<String, JsonNode> entry : read.path("weight_map").properties()) {
        tensorsOfShard
            .computeIfAbsent(entry.getValue().asString(""), _ -> new TreeSet<>())
            .add(entry.getKey());
      }
      if (tensorsOfShard.isEmpty()) {
        add(index, "names no shards", true, true);
      }
      tensorsOfShard.forEach((shard, tensors) -> {
        SafetensorsFile file = safetensors.get(shard);
        if (!there.contains(shard)) {
          add(shard, "is missing", true, false);
        } else if (file != null && file.fault() == null) {
          tensors.removeAll(file.tensors());
          if (!tensors.isEmpty()) {
            String first = tensors.iterator().next();
            add(shard, "lacks " + tensors.size() + " tensors, such as " + first, true, true);
          }
        }
      });
    }

    private void hashes(List<String> there) throws IOException {
      for (String file : there) {
        Path path = directory.resolve(file);
        Path name = Files.isSymbolicLink(path) ? Files.readSymbolicLink(path).getFileName() : null;
        BlobHash hash = name == null ? BlobHash.NONE : BlobHash.of(name.toString());
        if (name == null || hash == BlobHash.NONE) {
          notes.add(file + " has no hash to compare with");
          continue;
        }
        MessageDigest digest = hash.begin(Files.size(path));
        try (FileChannel in = FileChannel.open(path)) {
          ByteBuffer buffer = ByteBuffer.allocate(1 << 17);
          while (in.read(buffer) >= 0) {
            digest.update(buffer.flip());
            buffer.clear();
          }
        }
        if (!hash.matches(digest, name.toString())) {
          add(file, "has another hash than its name", isWeight(file), true);
        }
      }
    }

    private void incomplete() throws IOException {
      Path blobs = folder("blobs");
      if (!Files.isDirectory(blobs)) {
        return;
      }
      try (Stream<Path> all = Files.list(blobs)) {
        for (Path part : all.filter(path -> path.toString().endsWith(".incomplete")).toList()) {
          notes.add(
              "an interrupted download left "
                  + Files.size(part)
                  + " bytes in "
                  + part.getFileName());
        }
      }
    }

    /// Beside `snapshots`.
    private Path folder(String name) {
      return directory.resolve("../..").resolve(name).normalize();
    }

    private @Nullable JsonNode json(String file) {
      Path path = directory.resolve(file);
      return Files.exists(path) ? json(path) : null;
    }

    private static @Nullable JsonNode json(Path path) {
      try {
        return JSON.readTree(Files.readAllBytes(path));
      } catch (IOException | JacksonException e) {
        return null;
      }
    }

    /// Torch's files are zip archives since 1.6, whose end says what must come before it.
    private static boolean isBrokenZip(Path path) throws IOException {
      byte[] start;
      try (InputStream in = Files.newInputStream(path)) {
        start = in.readNBytes(2);
      }
      if (start.length < 2) {
        return true;
      }
      if (start[0] != 'P' || start[1] != 'K') {
        return false; // an older pickle, which does not say how long it is
      }
      try (ZipFile _ = new ZipFile(path.toFile())) {
        return false;
      } catch (ZipException e) {
        return true;
      }
    }

    private static boolean isWeight(String file) {
      return PLAIN_WEIGHTS.contains(file)
          || file.endsWith(".safetensors")
          || file.endsWith(".bin")
          || PLAIN_WEIGHTS.contains(file.replace(".index.json", ""));
    }
  }
}
