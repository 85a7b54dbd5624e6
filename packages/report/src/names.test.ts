import { expect, it } from 'vitest'
import { displayNames } from './names.ts'

it('takes as much of each path as tells the models apart', () => {
  expect(displayNames(['/a/b/x.onnx'])).toEqual(['x.onnx'])
  expect(displayNames(['a/x.onnx', 'b/x.onnx', 'b/y.onnx'])).toEqual(['a/x.onnx', 'b/x.onnx', 'y.onnx'])
  expect(displayNames(['C:\\models\\x.onnx'])).toEqual(['x.onnx'])
  expect(displayNames(['x.onnx', 'a/x.onnx'])).toEqual(['x.onnx', 'a/x.onnx'])
  expect(displayNames(['x.onnx', 'x.onnx'])).toEqual(['x.onnx #1', 'x.onnx #2'])
  expect(displayNames(['', '/'])).toEqual(['model #1', 'model #2'])
})
