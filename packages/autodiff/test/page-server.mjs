/** A loopback server for pages that import the built package without a bundler. */
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const types = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
}

const imports = {
  '@saddlepoint/autodiff': '/packages/autodiff/dist/index.js',
  '#runtime': '/packages/autodiff/dist/runtime/web.js',
  'onnxruntime-web/webgpu': '/node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs',
  '@bufbuild/protobuf': '/node_modules/@bufbuild/protobuf/dist/esm/index.js',
  '@bufbuild/protobuf/codegenv2': '/node_modules/@bufbuild/protobuf/dist/esm/codegenv2/index.js',
  '@bufbuild/protobuf/wire': '/node_modules/@bufbuild/protobuf/dist/esm/wire/index.js',
}
const page = `<!doctype html><title>autodiff</title><script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">
import * as autodiff from '@saddlepoint/autodiff'
import { gradients } from '/packages/autodiff/test/gradients.mjs'
window.autodiff = autodiff
window.gradients = gradients
</script>`

/**
 * Serves the repository, and each given file at `/files/N/NAME`.
 *
 * @param files {readonly string[]} paths of model files
 * @returns the address, the addresses of the files, and a way to stop
 */
export async function servePage(files) {
  const server = createServer((request, response) => {
    // Cross-origin isolation is what gives a page SharedArrayBuffer, and so WebAssembly its threads.
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/') return response.setHeader('Content-Type', 'text/html').end(page)
    const [, kind, index] = pathname.split('/')
    const path = kind === 'files' ? files[Number(index)] : join(root, normalize(decodeURIComponent(pathname)))
    if (!path || !existsSync(path) || !statSync(path).isFile()) return response.writeHead(404).end()
    response.setHeader('Content-Type', types[extname(path)] ?? 'application/octet-stream')
    createReadStream(path).pipe(response)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${server.address().port}`
  return {
    address,
    urls: files.map((_, i) => `${address}/files/${i}/model.onnx`),
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}
