import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { demoHelp, readDemoOptions } from './demo-options.mjs'
import { startPrivateRedis } from './demo-redis.mjs'
import { setUp } from './setup.mjs'
import { environment, fail, nodeBinary, root } from './workspace.mjs'

/** Starts what several processes share, and the example app; stays until it ends. */
async function runDemo(processes, framework) {
  const needsRedis = processes > 1 && !process.env.REDIS_URL
  const interrupted = signals()
  const redis = needsRedis ? await startPrivateRedis() : undefined
  try {
    if (interrupted.isAborted()) return 0
    return await startApp({ processes, framework, redis }, interrupted)
  } finally {
    await redis?.stop()
  }
}

/** Resolves to the exit code. The app ends with this process at the latest: its channel closes then. */
function startApp({ processes, framework, redis }, interrupted) {
  return new Promise((resolve, reject) => {
    const app = spawn(nodeBinary(), [join(root, 'examples', 'demo', 'start.ts')], {
      env: environment({
        DEMO_PROCESSES: String(processes),
        DEMO_FRAMEWORK: framework,
        // What is in there ends with it.
        ...(redis && { REDIS_URL: redis.url, DEMO_REDIS_IS_PRIVATE: '1' }),
      }),
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    })
    interrupted.passTo((signal) => app.kill(signal))
    let isLost = false
    void redis?.ended.then((how) => {
      if (app.exitCode !== null || app.signalCode !== null) return
      isLost = true
      console.error(`The redis-server of the demo ${how}; the demo ends.`)
      app.kill('SIGTERM')
    })
    app.on('error', reject)
    app.on('close', (code) => resolve(isLost ? 1 : (code ?? 1)))
  })
}

/** Keeps signals from ending this process before what it has started. */
function signals() {
  let last
  let pass = () => {}
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      last = signal
      pass(signal)
    })
  }
  return {
    isAborted: () => last !== undefined,
    passTo: (receiver) => {
      pass = receiver
    },
  }
}

try {
  const { processes, framework, help } = readDemoOptions(process.argv.slice(2))
  if (help) console.log(demoHelp)
  else {
    await setUp()
    process.exitCode = await runDemo(processes, framework)
  }
} catch (error) {
  fail(error)
}
