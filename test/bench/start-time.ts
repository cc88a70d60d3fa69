import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { GuardedChild } from '../guarded-child.ts'
import { onCore } from './child-program.ts'

/** Milliseconds from the start of a process. */
export interface StartTimes {
  readonly listeningMs: number
  /** Until the first answer had come. */
  readonly answeredMs: number
}

const longestStopMs = 5_000
const rightAnswer = '{"isSignedIn":false}'

/** Starts a program and asks it once. @throws Error when the answer is not the right one */
export async function measureStart(file: string, redisUrl: string): Promise<StartTimes> {
  const { PATH = '', HOME = '' } = process.env
  const secret = randomBytes(32).toString('base64url')
  const [command, args] = onCore('app', process.execPath, [file])
  const start = performance.now()
  const app = new GuardedChild(command, args, {
    cwd: dirname(file),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { PATH, HOME, NODE_ENV: 'production', REDIS_URL: redisUrl, SECRET: secret },
  })
  try {
    const ended = app.ended.then((ending) => {
      throw new Error(`${file} ended before it listened: ${ending}`)
    })
    const [port] = await Promise.race([once(app.child, 'message'), ended])
    const listeningMs = performance.now() - start
    const reply = await fetch(`http://127.0.0.1:${port}/`)
    const text = await reply.text()
    const answeredMs = performance.now() - start
    if (text !== rightAnswer) throw new Error(`${file} answered ${reply.status} ${text}`)
    return { listeningMs, answeredMs }
  } finally {
    app.signal('SIGKILL')
    await app.stop(longestStopMs)
  }
}
