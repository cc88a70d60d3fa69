import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setUp } from './setup.mjs'
import { environment, fail, nodeBinary, root } from './workspace.mjs'

/** Starts the example app and stays until it ends. Ctrl-C reaches it directly; other signals are passed on. */
function startDemo() {
  return new Promise((resolve, reject) => {
    const demo = spawn(nodeBinary(), [join(root, 'examples', 'demo', 'server.ts')], {
      env: environment(),
      stdio: 'inherit',
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => {
        if (signal !== 'SIGINT' || !process.stdin.isTTY) demo.kill(signal)
      })
    }
    demo.on('error', reject)
    demo.on('close', (code) => resolve(code ?? 1))
  })
}

try {
  await setUp()
  process.exitCode = await startDemo()
} catch (error) {
  fail(error)
}
