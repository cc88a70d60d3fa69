import { isUtf8 } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { printable } from '@latchkey/core/terminal'
import { type Report, requireAccount } from './account-commands.ts'
import type { Arguments } from './arguments.ts'
import { UnreachableError, UsageError } from './failure.ts'
import { causeOf } from './network-error.ts'

/** `latchkey fetch`. The body goes to stdout as it is. */
export async function fetchUrl(args: Arguments): Promise<Report | undefined> {
  const url = targetOf(args)
  const headers = headersOf(args.list('header'))
  const account = await requireAccount(args)
  const data = args.text('data')
  const body = data === undefined ? undefined : await dataOf(data)
  const method = args.text('method') ?? (body === undefined ? 'GET' : 'POST')
  const reply = await account
    .fetch(url, { method, headers, ...(body !== undefined && { body }) })
    .catch((error: unknown) => {
      throw requestFailure(url, error)
    })
  const exitCode = reply.status < 400 ? 0 : 1
  const brokeOff = (error: unknown): never => {
    throw answerFailure(url, error)
  }
  if (args.isJson) return { json: await wholeOf(reply).catch(brokeOff), text: '', exitCode }
  // Before anything is written: a reader that has seen enough ends the program.
  process.exitCode = exitCode
  if (!reply.ok) process.stderr.write(`${reply.status} ${printable(reply.statusText)}\n`)
  if (reply.body !== null) await pipeline(reply.body, process.stdout, { end: false }).catch(brokeOff)
  // The shell's next prompt begins on a line of its own.
  if (process.stdout.isTTY) process.stdout.write('\n')
  return undefined
}

function targetOf({ operands: [, text] }: Arguments): URL {
  if (text === undefined) throw new UsageError('latchkey fetch <provider> <url>', 'fetch')
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError('The address must be absolute, such as https://api.spotify.com/v1/me.', 'fetch')
  if (url.username !== '' || url.password !== '')
    throw new UsageError(
      'The address must hold no user name and no password: the token says who asks.',
      'fetch',
    )
  return url
}

function headersOf(given: readonly string[]): Headers {
  const headers = new Headers()
  for (const header of given) {
    const [, name = '', value = ''] = /^([^:]+):(.*)$/s.exec(header) ?? []
    try {
      headers.append(name, value.trim())
    } catch {
      throw new UsageError('--header wants <name>: <value>, both as HTTP allows them.', 'fetch')
    }
  }
  return headers
}

/** How undici names a request that it does not send. */
const refusedByUndici: ReadonlySet<string> = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED'])

/** What kept a request from being sent or answered, as the command says it. */
function requestFailure({ origin }: URL, error: unknown): unknown {
  if (!(error instanceof TypeError)) return error
  // fetch names a cause for what the network did; the rest is what it was given.
  if (error.cause === undefined) return new UsageError(error.message, 'fetch')
  const cause = causeOf(error)
  if (refusedByUndici.has(cause))
    return new UsageError(`The request cannot be sent so: ${reasonOf(error)}.`, 'fetch')
  return new UnreachableError(`${origin} cannot be reached (${cause}).`)
}

/** What kept an answer from being read to its end. */
function answerFailure({ origin }: URL, error: unknown): unknown {
  if (!(error instanceof TypeError) || error.cause === undefined) return error
  return new UnreachableError(`The answer of ${origin} broke off (${causeOf(error)}).`)
}

function reasonOf({ cause }: Error): string {
  return cause instanceof Error ? cause.message : String(cause)
}

/** The whole answer, for programs. */
async function wholeOf(reply: Response): Promise<Readonly<Record<string, unknown>>> {
  const bytes = Buffer.from(await reply.arrayBuffer())
  const { status, headers } = reply
  const cookies = headers.getSetCookie()
  return {
    status,
    headers: { ...Object.fromEntries(headers), ...(cookies.length > 0 && { 'set-cookie': cookies }) },
    ...(isUtf8(bytes) ? { body: bytes.toString() } : { bodyBase64: bytes.toString('base64') }),
  }
}

async function dataOf(data: string): Promise<string | Uint8Array<ArrayBuffer>> {
  if (data === '@-') return new Uint8Array(await buffer(process.stdin))
  if (!data.startsWith('@')) return data
  const path = data.slice(1)
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--data: ${path} cannot be read (${error.code}).`, 'fetch')
  })
  return new Uint8Array(bytes)
}
