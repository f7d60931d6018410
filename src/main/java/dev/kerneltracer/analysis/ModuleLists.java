package dev.kerneltracer.analysis;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/// Which numbers in the paths of modules count alike modules, so that a path can stand for all of
/// them: `model.layers.*.mlp` for each layer's.
///
/// The outermost number in a path is that of a layer where a `ModuleList` or any other class but
/// `Sequential` holds it; within a layer a number is left out where all that are numbered beside it
/// are of one class, as experts are.
public final class ModuleLists {
  private final Map<String, String> classes = new HashMap<>();
  private final Set<String> mixed = new HashSet<>();

  public ModuleLists(InferencePath path) {
    Map<String, String> inside = new HashMap<>();
    for (InferencePath.Part part : path.parts()) {
      classes.put(part.module(), part.moduleClass());
      int dot = part.module().lastIndexOf('.');
      if (dot > 0 && isNumber(part.module().substring(dot + 1))) {
        String list = part.module().substring(0, dot);
        String known = inside.putIfAbsent(list, part.moduleClass());
        if (known != null && !known.equals(part.moduleClass())) {
          mixed.add(list);
        }
      }
    }
  }

  /// The path of the layer that a path lies in or is, such as `model.layers.3`; empty for none.
  String layer(String module) {
    for (int dot = module.indexOf('.'); dot >= 0; dot = module.indexOf('.', dot + 1)) {
      int end = module.indexOf('.', dot + 1);
      String number = module.substring(dot + 1, end < 0 ? module.length() : end);
      if (isNumber(number) && !isSequential(module.substring(0, dot))) {
        return end < 0 ? module : module.substring(0, end);
      }
    }
    return "";
  }

  /// What holds a layer: `model.layers` of `model.layers.3`.
  static String list(String layer) {
    return layer.substring(0, layer.lastIndexOf('.'));
  }

  /// Whether what is numbered in a module runs one after the other, each something else.
  boolean isSequential(String list) {
    return classes.getOrDefault(list, "").endsWith("Sequential");
  }

  /// A path with `*` for the numbers of alike modules in it.
  String generalised(String module) {
    return generalised(module, 0);
  }

  /// The part of a path behind a layer's own, with `*` for the numbers in it.
  String within(String module, String layer) {
    return module.length() <= layer.length()
        ? ""
        : generalised(module, layer.length() + 1).substring(layer.length() + 1);
  }

  private String generalised(String module, int from) {
    StringBuilder text = new StringBuilder(module.substring(0, from));
    int start = from;
    while (start <= module.length()) {
      int dot = module.indexOf('.', start);
      int end = dot < 0 ? module.length() : dot;
      String name = module.substring(start, end);
      if (start > 0 && start > from) {
        text.append('.');
      }
      String list = start == 0 ? "" : module.substring(0, start - 1);
      boolean alike = isNumber(name) && !mixed.contains(list) && !isSequential(list);
      text.append(alike ? "*" : name);
      start = end + 1;
    }
    return text.toString();
  }

  static boolean isNumber(String name) {
    return !name.isEmpty()
        && name.length() <= 9
        && name.chars().allMatch(c -> c >= '0' && c <= '9');
  }
}
