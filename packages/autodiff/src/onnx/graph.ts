/** A model file as plain data, after decoding: what the importer reads and the exporter writes. */
import type { DataType, NDArray } from '../tensor/array.ts'

export type AttributeValue =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | NDArray
  | OnnxGraph
  | readonly OnnxGraph[]

/** One operator application. An omitted optional input or output is the empty string. */
export interface OnnxNode {
  readonly op: string
  /** '' is the default ONNX domain ('ai.onnx' is normalised to it). */
  readonly domain: string
  readonly name: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, AttributeValue>>
}

/** A graph input or output. A dimension is a number, a symbolic name, or undefined when the file does not say. */
export interface ValueInfo {
  readonly name: string
  readonly type: DataType | 'string' | 'unknown'
  readonly shape?: readonly (number | string | undefined)[]
}

export interface OnnxGraph {
  readonly name: string
  /** True inputs only: initializers that the file also lists as inputs (IR 3 exports) are left out. */
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly initializers: ReadonlyMap<string, NDArray>
  readonly nodes: readonly OnnxNode[]
}

export interface OnnxModel {
  readonly irVersion: number
  /** Version of each operator set the file imports; '' is the default domain. */
  readonly opsets: Readonly<Record<string, number>>
  readonly producer: string
  readonly metadata: Readonly<Record<string, string>>
  readonly graph: OnnxGraph
}
