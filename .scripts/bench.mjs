import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cpus } from 'node:os'
import { delimiter, join } from 'node:path'
import { benchHelp } from './bench-options.mjs'
import { provideRedis, redisCommand } from './redis.mjs'
import { setUp } from './setup.mjs'
import { environment, Failure, fail, root, tool } from './workspace.mjs'

/**
 * The command that runs the benchmarks, on the workspace's own Node, so that figures compare. The measured app has the
 * first processor to itself, everything else runs on the others, where Linux lets us choose.
 */
function command(args) {
  const program = [tool('node'), join(root, 'test', 'bench', 'main.ts'), ...args]
  const folders = (process.env.PATH ?? '').split(delimiter)
  const canPin = cpus().length >= 2 && folders.some((folder) => existsSync(join(folder, 'taskset')))
  if (!canPin) console.log('without taskset and a second processor the figures are less steady')
  return canPin ? ['taskset', '--cpu-list', `1-${cpus().length - 1}`, ...program] : program
}

/** Runs the benchmarks to their end. Ctrl-C reaches them directly; other signals are passed on. */
function startBench(redisPath) {
  return new Promise((resolve, reject) => {
    const [program, ...args] = command(process.argv.slice(2))
    const bench = spawn(program, args, {
      env: environment({ REDIS_SERVER_PATH: redisPath }),
      stdio: 'inherit',
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => {
        if (signal !== 'SIGINT' || !process.stdin.isTTY) bench.kill(signal)
      })
    }
    bench.on('error', reject)
    bench.on('close', (code) => resolve(code ?? 1))
  })
}

/** Installs and builds what is missing first. Resolves to the exit code. */
async function runBench() {
  await setUp()
  const redisPath = await provideRedis()
  if (redisPath === undefined)
    throw new Failure(`The benchmarks need redis-server. Install it with: ${redisCommand}`)
  return startBench(redisPath)
}

try {
  if (process.argv.includes('--help')) console.log(benchHelp)
  else process.exitCode = await runBench()
} catch (error) {
  fail(error)
}
