/** Short names for model files that still tell them apart. */

/** The last parts of each path, as many as it takes to be unique; equal paths are numbered. */
export const displayNames = (paths: readonly string[]): string[] => {
  const parts = paths.map((path) => path.split(/[\\/]+/).filter((part) => part !== ''))
  const tail = (index: number, depth: number): string => parts[index]!.slice(-depth).join('/') || 'model'
  const longest = Math.max(1, ...parts.map((part) => part.length))
  return paths.map((_, index) => {
    for (let depth = 1; depth <= longest; depth++) {
      const name = tail(index, depth)
      if (paths.every((_other, other) => other === index || tail(other, depth) !== name)) return name
    }
    const same = paths
      .map((_other, other) => other)
      .filter((other) => tail(other, longest) === tail(index, longest))
    return `${tail(index, 1)} #${same.indexOf(index) + 1}`
  })
}
