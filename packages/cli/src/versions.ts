/** Versions of everything a number may depend on. */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export function versions(): Record<string, string> {
  const own = require('../package.json') as { version: string }
  const runtime = require('onnxruntime-node/package.json') as { version: string }
  return {
    saddlepoint: own.version,
    onnxruntime: runtime.version,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
  }
}
