import { createHook } from 'node:async_hooks'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { type Dispatcher, request, fetch as undiciFetch } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import { emulatorDispatcher } from './emulator-dispatcher.ts'

const real = 'https://api.provider.example'
const open: (Server | Dispatcher)[] = []

afterEach(async () => {
  for (const one of open.splice(0)) {
    if ('closeAllConnections' in one) one.closeAllConnections()
    await one.close()
  }
})

async function listen(handler: RequestListener): Promise<string> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(server)
  // A TCP server that listens has an AddressInfo.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A dispatcher that leads `real` to a server with this handler. */
async function leadingTo(handler: RequestListener): Promise<Dispatcher> {
  const dispatcher = emulatorDispatcher({ [real]: await listen(handler) })
  open.push(dispatcher)
  return dispatcher
}

interface Call {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly signal?: AbortSignal
}

/** Status and body, by each of the ways in which a program uses a dispatcher. */
const ways: Readonly<Record<string, (url: string, dispatcher: Dispatcher, call?: Call) => Promise<string>>> =
  {
    'the global fetch': async (url, dispatcher, call) => {
      // Node's types know the dispatcher of the undici that is built in.
      const response = await fetch(url, { ...call, dispatcher } as unknown as RequestInit)
      return `${response.status} ${await response.text()}`
    },
    'undici.fetch': async (url, dispatcher, call) => {
      const response = await undiciFetch(url, { ...call, dispatcher })
      return `${response.status} ${await response.text()}`
    },
    'undici.request': async (url, dispatcher, call) => {
      const { statusCode, body } = await request(url, { ...call, dispatcher })
      return `${statusCode} ${await body.text()}`
    },
  }

/** Names of the system calls for names and connections that `run` makes. */
async function networkUse(run: () => Promise<unknown>): Promise<readonly string[]> {
  const used: string[] = []
  const watched = ['GETADDRINFOREQWRAP', 'QUERYWRAP', 'TCPWRAP', 'TCPCONNECTWRAP', 'UDPWRAP']
  const hook = createHook({ init: (_id, type) => void (watched.includes(type) && used.push(type)) }).enable()
  await run().finally(() => hook.disable())
  return used
}

/** What is wrong, wherever the client puts it. */
async function refusal(run: Promise<unknown>): Promise<{ readonly code: unknown; readonly message: string }> {
  const error = await run.then(
    () => new Error('it was answered'),
    (reason: Error) => reason,
  )
  const reason = error.cause instanceof Error ? error.cause : error
  return { code: 'code' in reason ? reason.code : undefined, message: reason.message }
}

describe.each(Object.entries(ways))('a dispatcher of emulators, by %s', (_name, send) => {
  it('leads a real host to the server that stands for it, with nothing changed', async () => {
    let received: IncomingMessage | undefined
    const dispatcher = await leadingTo(async (message, response) => {
      received = message
      response.writeHead(201).end(`got ${await text(message)}`)
    })
    const call = { method: 'PUT', headers: { 'X-Mine': 'a, b', authorization: 'Bearer x' }, body: 'ö' }
    expect(await send(`${real}/v1/%41?q=%20b&q=`, dispatcher, call)).toBe('201 got ö')
    expect(received).toMatchObject({ method: 'PUT', url: '/v1/%41?q=%20b&q=' })
    expect(received?.headers).toMatchObject({
      host: 'api.provider.example',
      authorization: 'Bearer x',
      'x-mine': 'a, b',
      'content-length': '2',
    })
  })

  it('looks up no name on the way', async () => {
    const dispatcher = await leadingTo((_message, response) => response.end('here'))
    const used = await networkUse(() => send(real, dispatcher))
    expect(used).toContain('TCPCONNECTWRAP')
    expect(used).not.toContain('GETADDRINFOREQWRAP')
  })

  it.each([
    'https://api.github.example/user',
    'http://api.provider.example/v1',
    'https://api.provider.example:8443/v1',
    'https://api.provider.example.evil.example/',
    'http://192.0.2.1/',
    'http://[2001:db8::1]/',
    'http://127.0.0.1.evil.example/',
  ])('refuses %s without a socket or a look-up', async (url) => {
    const dispatcher = await leadingTo((_message, response) => response.end('here'))
    let refused: Awaited<ReturnType<typeof refusal>> | undefined
    const used = await networkUse(async () => {
      refused = await refusal(send(url, dispatcher))
    })
    expect(refused?.code).toBe('NO_EMULATOR')
    expect(refused?.message).toContain(`No emulator answers for ${new URL(url).origin},`)
    expect(refused?.message).toContain(`Emulated: ${real}`)
    expect(used).toEqual([])
  })

  it('lets loopback addresses pass', async () => {
    const dispatcher = await leadingTo((_message, response) => response.end('the emulator'))
    const other = await listen((message, response) => response.end(`another, as ${message.headers.host}`))
    const { port } = new URL(other)
    for (const host of ['127.0.0.1', 'localhost']) {
      expect(await send(`http://${host}:${port}`, dispatcher)).toBe(`200 another, as ${host}:${port}`)
    }
    const six = await refusal(send(`http://[::1]:${port}`, dispatcher))
    expect(six.code).not.toBe('NO_EMULATOR')
  })

  it('goes on after a refusal', async () => {
    const dispatcher = await leadingTo((_message, response) => response.end('here'))
    for (const _ of [1, 2])
      expect((await refusal(send('https://a.example', dispatcher))).code).toBe('NO_EMULATOR')
    expect(await send(real, dispatcher)).toBe('200 here')
  })

  it('tells the server when the request is aborted', async () => {
    let arrive = (_message: IncomingMessage): void => {}
    const arrived = new Promise<IncomingMessage>((resolve) => {
      arrive = resolve
    })
    const dispatcher = await leadingTo((message) => arrive(message))
    const controller = new AbortController()
    const sent = send(real, dispatcher, { signal: controller.signal })
    const closed = once((await arrived).socket, 'close')
    controller.abort()
    await expect(sent).rejects.toMatchObject({ name: 'AbortError' })
    await closed
  })

  it('refuses everything once it is closed', async () => {
    const dispatcher = await leadingTo((_message, response) => response.end('here'))
    await dispatcher.close()
    open.splice(open.indexOf(dispatcher), 1)
    expect((await refusal(send(real, dispatcher))).code).toMatch(/^UND_ERR_(DESTROYED|CLOSED)$/)
  })
})

describe('a dispatcher of emulators', () => {
  it('streams in both directions while the request is still going on', async () => {
    const dispatcher = await leadingTo((message, response) => message.pipe(response))
    const upload = new TransformStream<Uint8Array, Uint8Array>()
    const writer = upload.writable.getWriter()
    const init = { method: 'POST', body: upload.readable, duplex: 'half', dispatcher }
    const sent = fetch(real, init as unknown as RequestInit)
    const bytes = new TextEncoder()
    await writer.write(bytes.encode('first'))
    const reader = (await sent).body?.getReader()
    const received = async () => new TextDecoder().decode((await reader?.read())?.value)
    expect(await received()).toBe('first')
    await writer.write(bytes.encode('second'))
    expect(await received()).toBe('second')
    await writer.close()
    expect((await reader?.read())?.done).toBe(true)
  })

  it('uses a connection again for the same host alone', async () => {
    const seen = new Map<string, Set<unknown>>()
    const server = await listen((message, response) => {
      const host = message.headers.host ?? ''
      seen.set(host, (seen.get(host) ?? new Set()).add(message.socket))
      response.end()
    })
    const other = 'https://accounts.provider.example'
    const dispatcher = emulatorDispatcher({ [real]: server, [other]: server })
    open.push(dispatcher)
    for (let sent = 0; sent < 20; sent++) {
      for (const origin of [real, other]) await (await request(origin, { dispatcher })).body.text()
    }
    const [api, accounts] = ['api', 'accounts'].map(
      (name) => seen.get(`${name}.provider.example`) ?? new Set(),
    )
    expect(api?.size).toBeLessThan(5)
    expect([...(accounts ?? [])].filter((socket) => api?.has(socket))).toEqual([])
    expect(accounts?.size).toBeLessThan(5)
  })

  it('carries a large body whole', async () => {
    const dispatcher = await leadingTo(async (message, response) => {
      response.end(String((await buffer(message)).length))
    })
    const body = Buffer.alloc(5_000_000)
    expect(await (await request(real, { method: 'POST', body, dispatcher })).body.text()).toBe('5000000')
  })

  it("leaves the program's own fetch as it was, imported and used", async () => {
    const program = `
      const dispatchers = () => [1, 2].map((n) => globalThis[Symbol.for('undici.globalDispatcher.' + n)])
      const own = [...dispatchers(), globalThis.fetch]
      const { emulatorDispatcher } = await import(process.argv[1])
      console.log([...dispatchers(), globalThis.fetch].every((value, index) => value === own[index]))
      await fetch('data:,')
      const used = dispatchers()
      const dispatcher = emulatorDispatcher({})
      await fetch('https://a.example', { dispatcher }).catch((error) => console.log(error.cause.code))
      console.log(dispatchers().every((value, index) => value === used[index]))`
    const file = new URL('./emulator-dispatcher.ts', import.meta.url).href
    const flags = ['--input-type=module', '--eval', program, file]
    const { stdout } = await promisify(execFile)(process.execPath, flags)
    expect(stdout.split('\n')).toEqual(['true', 'NO_EMULATOR', 'true', ''])
  })
})
