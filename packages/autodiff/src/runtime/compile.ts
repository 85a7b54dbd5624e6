/** `compile`: from a function of tensors to a function of arrays, by way of one ONNX graph and one session. */
import { createEngine } from '#runtime'
import { emitBytes, type EmitOptions } from '../transform/emit.ts'
import { float32, sizeOf, type DataType, type NDArray } from '../tensor/array.ts'
import { atBatch, formatShape, type Shape } from '../tensor/shape.ts'
import { input, Tensor } from '../tensor/tensor.ts'
import type { Engine, Program } from './engine.ts'

/** Tensors in plain arrays and objects, nested as one likes: arguments and results of traced functions. */
export type Tree<Leaf> = Leaf | readonly Tree<Leaf>[] | { readonly [key: string]: Tree<Leaf> }

/** A function's result or argument with host arrays in place of the tensors. */
export type Hosted<T> = T extends Tensor ? NDArray : { -readonly [K in keyof T]: Hosted<T[K]> }
/** What may be given for a traced argument: host arrays; a number for a scalar. */
export type Given<T> = T extends Tensor ? NDArray | number : { readonly [K in keyof T]: Given<T[K]> }

/** The declared type of one argument. −1 in the shape is the batch. */
export interface Spec {
  readonly type?: DataType
  readonly shape: Shape
}

export interface CompileOptions extends Pick<EmitOptions, 'name'> {
  /** @default a shared engine for this platform */
  readonly engine?: Engine
  /** Forced spellings of our own operators, for measuring and testing them. */
  readonly spellings?: Readonly<Record<string, string>>
  /**
   * Types of the arguments, nested like them. Without it they are read off the arrays of each call: the first dimension
   * of every array is the batch, and a number is a scalar.
   */
  readonly specs?: readonly Tree<Spec>[]
}

export interface Compiled<A extends readonly unknown[], R> {
  (...args: { [K in keyof A]: Given<A[K]> }): Promise<Hosted<R>>
  /** Frees the sessions. */
  release(): Promise<void>
}

let shared: Engine | undefined
/** The engine that compiled functions use unless they are given one. */
export function defaultEngine(): Engine {
  return (shared ??= createEngine())
}

/**
 * Compiles a function of tensors. It is traced once for each new combination of element types and shapes of its
 * arguments (batch sizes apart) and runs as one graph.
 *
 * @example
 * const step = compile((x: Tensor, y: Tensor) => x.add(sign(grad((v) => loss(v, y))(x)).mul(0.01)))
 * x = await step(x, y)
 */
export function compile<A extends readonly Tree<Tensor>[], R extends Tree<Tensor>>(
  f: (...args: A) => R,
  options: CompileOptions = {},
): Compiled<A, R> {
  const programs = new Map<string, Promise<Traced<R>>>()
  const call = async (...args: unknown[]) => {
    const leaves = flattenTree(args as Tree<NDArray | number>, isArray).map(
      ([path, leaf]) => [path, hosted(leaf)] as const,
    )
    const given = options.specs && new Map(flattenTree(options.specs as Tree<Spec>, isSpec))
    if (given) sameLeaves(leaves, given)
    const specs = leaves.map(([path, a]) => given?.get(path) ?? inferred(a))
    const feeds = leaves.map(([path, a], i) => [nameOf(path), checked(a, specs[i]!, path)] as const)
    oneBatch(leaves, specs)
    const key = JSON.stringify(specs)
    if (!programs.has(key)) programs.set(key, build(f, args, specs, options))
    const traced = await programs.get(key)!.catch((error: unknown) => {
      // A function that could not be traced leaves nothing behind to release.
      programs.delete(key)
      throw error
    })
    const results = await traced.program.run(Object.fromEntries(feeds))
    return mapTree(traced.shape, (_, path) => results[outputName(path)]!, isTensor)
  }
  const release = async () => {
    const built = [...programs.values()]
    programs.clear()
    for (const traced of await Promise.allSettled(built))
      if (traced.status === 'fulfilled') await traced.value.program.release()
  }
  return Object.assign(call, { release }) as Compiled<A, R>
}

interface Traced<R> {
  readonly program: Program
  readonly shape: R
}

async function build<A extends readonly Tree<Tensor>[], R extends Tree<Tensor>>(
  f: (...args: A) => R,
  args: readonly unknown[],
  specs: readonly Spec[],
  options: CompileOptions,
): Promise<Traced<R>> {
  const engine = options.engine ?? defaultEngine()
  const inputs: Tensor[] = []
  const symbols = mapTree(
    args as Tree<unknown>,
    (_, path) => {
      const { type = 'float32', shape } = specs[inputs.length]!
      inputs.push(input(nameOf(path), type, shape))
      return inputs.at(-1)!
    },
    isArray,
  )
  const result = f(...(symbols as unknown as A))
  const outputs = Object.fromEntries(
    flattenTree(result as Tree<Tensor>, isTensor).map(([path, t]) => [outputName(path), t]),
  )
  const bytes = emitBytes(inputs, outputs, {
    name: options.name ?? f.name,
    target: { provider: engine.provider, spellings: options.spellings },
  })
  return {
    program: await engine.load(bytes),
    shape: result,
  }
}

/** A batched float32 argument: the shape of one sample, with the batch put before it. */
export const batched = (sample: readonly number[], type: DataType = 'float32'): Spec => ({
  type,
  shape: [-1, ...sample],
})
/** An argument without a batch. */
export const unbatched = (shape: readonly number[], type: DataType = 'float32'): Spec => ({ type, shape })

const isTensor = (v: unknown): v is Tensor => v instanceof Tensor
const isSpec = (v: unknown): v is Spec =>
  typeof v === 'object' && v !== null && Array.isArray((v as Spec).shape)
const isArray = (v: unknown): boolean =>
  typeof v === 'number' || (typeof v === 'object' && v !== null && 'data' in v && 'dims' in v)

const hosted = (leaf: NDArray | number): NDArray => (typeof leaf === 'number' ? float32([], [leaf]) : leaf)
const inferred = ({ type, dims }: NDArray): Spec => ({
  type,
  shape: dims.length ? [-1, ...dims.slice(1)] : [],
})

function sameLeaves(leaves: readonly (readonly [string, NDArray])[], specs: ReadonlyMap<string, Spec>): void {
  const names = new Set(leaves.map(([path]) => path))
  const missing = [...specs.keys()].find((path) => !names.has(path))
  if (missing !== undefined) throw new TypeError(`argument ${missing} is missing`)
  const extra = leaves.find(([path]) => !specs.has(path))
  if (extra) throw new TypeError(`argument ${extra[0]} is not among the declared ones`)
}

/** All batches of one call are equally long; a graph would see it late, and complain about some node. */
function oneBatch(leaves: readonly (readonly [string, NDArray])[], specs: readonly Spec[]): void {
  let first: { path: string; batch: number } | undefined
  for (const [i, [path, a]] of leaves.entries()) {
    const batch = batchOf(a, specs[i]!.shape)
    if (batch === undefined) continue
    first ??= { path, batch }
    if (batch !== first.batch)
      throw new TypeError(
        `argument ${path} is a batch of ${batch}, but argument ${first.path} one of ${first.batch}; declare arguments without a batch with \`specs\``,
      )
  }
}

function batchOf({ dims }: NDArray, shape: Shape): number | undefined {
  const axis = shape.findIndex((d) => d < 0)
  return axis < 0 ? undefined : dims[axis]! / -shape[axis]!
}

function checked(a: NDArray, spec: Spec, path: string): NDArray {
  const batch = batchOf(a, spec.shape) ?? 1
  const wanted = atBatch(spec.shape, batch)
  if (
    a.type !== (spec.type ?? 'float32') ||
    !Number.isInteger(batch) ||
    a.dims.length !== wanted.length ||
    a.dims.some((d, i) => d !== wanted[i])
  )
    throw new TypeError(
      `argument ${path} should be ${spec.type ?? 'float32'} ${formatShape(spec.shape)}, but is ${a.type} [${a.dims.join(', ')}]`,
    )
  if (a.data.length !== sizeOf(a.dims))
    throw new TypeError(`argument ${path} has ${a.data.length} elements for its shape [${a.dims.join(', ')}]`)
  return a
}

const nameOf = (path: string) => `in.${path}`
const outputName = (path: string) => (path ? `out.${path}` : 'out')

/** All leaves with their paths, `0.weights.2` and the like. */
export function flattenTree<Leaf>(
  tree: Tree<Leaf>,
  isLeaf: (v: unknown) => boolean,
  path = '',
): [string, Leaf][] {
  if (isLeaf(tree)) return [[path, tree as Leaf]]
  if (typeof tree !== 'object' || tree === null)
    throw new TypeError(`${path || 'the value'} is neither a tensor nor a structure of tensors`)
  return Object.entries(tree).flatMap(([key, value]) =>
    flattenTree(value as Tree<Leaf>, isLeaf, path ? `${path}.${key}` : key),
  )
}

function mapTree<R>(
  tree: R,
  f: (leaf: never, path: string) => unknown,
  isLeaf: (v: unknown) => boolean,
  path = '',
): unknown {
  if (isLeaf(tree)) return f(tree as never, path)
  const join = (key: string | number) => (path ? `${path}.${key}` : String(key))
  if (Array.isArray(tree)) return tree.map((v: unknown, i) => mapTree(v, f, isLeaf, join(i)))
  return Object.fromEntries(
    Object.entries(tree as object).map(([key, v]) => [key, mapTree(v as unknown, f, isLeaf, join(key))]),
  )
}
