import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findRedis, redisCommand } from './redis.mjs'
import { Failure } from './workspace.mjs'

const longestStartMs = 10_000
const longestStopMs = 3_000

/**
 * Starts a redis-server for one demo: on a socket in a folder that only this user may open, with nothing written to
 * disk. `stop` ends it and removes the folder; it ends with this process at the latest.
 *
 * @throws {Failure} that says why there is none
 */
export async function startPrivateRedis() {
  const program = findRedis()
  if (program === undefined) throw new Failure(whyNone())
  console.log('starting a redis-server for the processes to share …')
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-demo-'))
  const socket = join(folder, 'redis.sock')
  const settings = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir: folder,
    save: '',
    appendonly: 'no',
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  // A group of its own: Ctrl-C must not end it before the processes that use it.
  const server = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const guard = startGuard(server.pid, folder)
  const log = []
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => log.splice(0, log.length, ...[...log, text].slice(-20)))
  }
  const ended = new Promise((resolve) => {
    server.once('error', ({ message }) => resolve(`could not be started: ${message}`))
    server.once('close', (code, signal) =>
      resolve(signal ? `was ended by ${signal}` : `ended with code ${code}`),
    )
  })
  void ended.then(() => {
    guard?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const stop = async () => {
    server.kill('SIGTERM')
    const timer = setTimeout(() => server.kill('SIGKILL'), longestStopMs)
    await ended
    clearTimeout(timer)
  }
  try {
    await listening(socket, ended, log)
  } catch (error) {
    await stop()
    throw error
  }
  return { url: socket, ended, stop }
}

function whyNone() {
  const path = process.env.REDIS_SERVER_PATH
  const why = path ? `REDIS_SERVER_PATH (${path}) is no program` : 'no redis-server was found'
  return `Several processes need a Redis to share, and ${why}.
Set REDIS_URL, or install one. On Debian: ${redisCommand}`
}

async function listening(socket, ended, log) {
  let how
  void ended.then((ending) => {
    how = ending
  })
  const end = performance.now() + longestStartMs
  while (!existsSync(socket)) {
    if (how === undefined && performance.now() > end) how = `does not listen after ${longestStartMs / 1000} s`
    if (how !== undefined) throw new Failure(`${log.join('')}\nThe redis-server ${how}.`)
    await delay(20)
  }
}

// Its standard input ends when this process does, however that happens.
function startGuard(pid, folder) {
  if (pid === undefined || process.platform === 'win32') return undefined
  const script = 'read -r line; kill -KILL "$0" 2>/dev/null; rm -rf "$1"'
  const guard = spawn('sh', ['-c', script, String(pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  guard.on('error', () => {})
  guard.unref()
  guard.stdin.unref?.()
  return guard
}
