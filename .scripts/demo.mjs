import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setUp } from './setup.mjs'
import { environment, fail, nodeBinary, root } from './workspace.mjs'

/** Starts the example app and stays until it ends. Ctrl-C reaches it directly; other signals are passed on. */
function startDemo() {
  return new Promise((resolve, reject) => {
    const demo = spawn(nodeBinary(), [join(root, 'examples', 'demo', 'server.ts')], {
      // A secret of its own for each start, unless there is one: everything is kept in memory anyway.
      env: environment({
        LATCHKEY_SECRET: process.env.LATCHKEY_SECRET || randomBytes(32).toString('base64url'),
      }),
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
