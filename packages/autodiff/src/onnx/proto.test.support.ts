/** Small files written with the protocol buffer library itself, for tests of what our encoder never writes. */
import { create, toBinary, type DescMessage, type Message, type MessageInitShape } from '@bufbuild/protobuf'
import { expect } from 'vitest'
import { decodeModel } from './decode.ts'
import { OnnxFormatError } from './errors.ts'
import {
  ModelProtoSchema,
  type GraphProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
} from './onnx_pb.ts'

type Init<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, Message>

export type Model = Init<typeof ModelProtoSchema>
export type Graph = Init<typeof GraphProtoSchema>
export type Node = Init<typeof NodeProtoSchema>
export type Tensor = Init<typeof TensorProtoSchema>

export const opset18 = [{ domain: '', version: 18n }]

export const identity: Node = { opType: 'Identity', input: ['x'], output: ['y'] }

export function bytesOf(model: Model): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 8n, opsetImport: opset18, ...model }),
  )
}

/** A graph that passes its input on, changed as given. */
export function graphOf(graph: Graph): Graph {
  return { node: [identity], input: [{ name: 'x' }], output: [{ name: 'y' }], ...graph }
}

export async function decodeGraph(graph: Graph) {
  return (await decodeModel(bytesOf({ graph: graphOf(graph) }))).graph
}

/** Expects a promise to be rejected with a one-line OnnxFormatError. */
export async function refuses(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const error: unknown = await promise.catch((e: unknown) => e)
  expect(error).toBeInstanceOf(OnnxFormatError)
  expect((error as Error).message).toMatch(message)
  expect((error as Error).message).not.toContain('\n')
}
