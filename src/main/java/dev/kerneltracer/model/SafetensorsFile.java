package dev.kerneltracer.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The header of a safetensors file, which says exactly how long the file must be: eight bytes of
/// the header's length (little endian), the header as JSON, the tensors without a gap.
///
/// @param tensors their names
/// @param fault what is wrong with the file, a few words; null where it is whole
record SafetensorsFile(Set<String> tensors, @Nullable String fault) {
  private static final JsonMapper JSON = new JsonMapper();

  /// The longest that the format allows.
  private static final long LONGEST_HEADER = 100_000_000;

  private static final Map<String, Integer> BITS =
      Map.ofEntries(
          Map.entry("BOOL", 8),
          Map.entry("U8", 8),
          Map.entry("I8", 8),
          Map.entry("F8_E5M2", 8),
          Map.entry("F8_E4M3", 8),
          Map.entry("F8_E8M0", 8),
          Map.entry("I16", 16),
          Map.entry("U16", 16),
          Map.entry("F16", 16),
          Map.entry("BF16", 16),
          Map.entry("I32", 32),
          Map.entry("U32", 32),
          Map.entry("F32", 32),
          Map.entry("I64", 64),
          Map.entry("U64", 64),
          Map.entry("F64", 64),
          Map.entry("C64", 64));

  private record Span(String tensor, long begin, long end) {}

  static SafetensorsFile read(Path file) throws IOException {
    try (FileChannel in = FileChannel.open(file)) {
      long size = in.size();
      if (size < 8) {
        return damaged("has " + size + " bytes");
      }
      ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      readFully(in, length, 0);
      long headerBytes = length.getLong(0);
      if (headerBytes < 2 || headerBytes > LONGEST_HEADER) {
        return damaged("is no safetensors file");
      }
      if (8 + headerBytes > size) {
        return damaged("is cut short within its header");
      }
      ByteBuffer header = ByteBuffer.allocate((int) headerBytes);
      readFully(in, header, 8);
      return of(JSON.readTree(header.array()), size - 8 - headerBytes);
    } catch (JacksonException e) {
      return damaged("has a header that is no JSON");
    }
  }

  private static SafetensorsFile of(JsonNode header, long dataBytes) {
    List<Span> spans = new ArrayList<>();
    for (Map.Entry<String, JsonNode> entry : header.properties()) {
      if (entry.getKey().equals("__metadata__")) {
        continue;
      }
      JsonNode offsets = entry.getValue().path("data_offsets");
      long begin = offsets.path(0).asLong(-1);
      long end = offsets.path(1).asLong(-1);
      long expected = expectedBytes(entry.getValue());
      if (begin < 0 || end < begin || (expected >= 0 && end - begin != expected)) {
        return damaged("has impossible offsets for " + entry.getKey());
      }
      spans.add(new Span(entry.getKey(), begin, end));
    }
    spans.sort(Comparator.comparingLong(Span::begin).thenComparingLong(Span::end));
    long end = 0;
    Set<String> names = new TreeSet<>();
    for (Span span : spans) {
      if (span.begin() != end) {
        return damaged("has a gap or an overlap at " + span.tensor());
      }
      end = span.end();
      names.add(span.tensor());
    }
    String fault = null;
    if (end > dataBytes) {
      fault = "is cut short: " + (end - dataBytes) + " bytes of its tensors are missing";
    } else if (end < dataBytes) {
      fault = "has " + (dataBytes - end) + " bytes too many";
    }
    return new SafetensorsFile(names, fault);
  }

  /// What a tensor's shape and type take; -1 where the type is not known or smaller than a byte.
  private static long expectedBytes(JsonNode tensor) {
    Integer bits = BITS.get(tensor.path("dtype").asString(""));
    if (bits == null || !tensor.path("shape").isArray()) {
      return -1;
    }
    long elements = 1;
    for (JsonNode dimension : tensor.path("shape")) {
      elements *= dimension.asLong(0);
    }
    return elements * bits / 8;
  }

  private static void readFully(FileChannel in, ByteBuffer buffer, long from) throws IOException {
    while (buffer.hasRemaining()) {
      if (in.read(buffer, from + buffer.position()) < 0) {
        throw new IOException("the file became shorter");
      }
    }
  }

  private static SafetensorsFile damaged(String fault) {
    return new SafetensorsFile(Set.of(), fault);
  }
}
