import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { type FetchBody, outgoingBody, replayLimitBytes, requestBody } from './replayable-body.ts'

const textOf = (body: FetchBody | null | undefined): Promise<string> =>
  new Response(body as ConstructorParameters<typeof Response>[0]).text()

describe('outgoingBody', () => {
  it.each([
    ['a string', 'ab'],
    ['an ArrayBuffer', new TextEncoder().encode('ab').buffer],
    ['a Buffer inside a larger one', Buffer.from('xaby').subarray(1, 3)],
    ['a DataView', new DataView(new TextEncoder().encode('xab').buffer, 1)],
    ['a Blob', new Blob(['ab'])],
  ])('sends %s twice', async (_name, body) => {
    const outgoing = outgoingBody(body)
    expect(await textOf(outgoing.body)).toBe('ab')
    expect(await textOf(outgoing.again?.())).toBe('ab')
    expect(outgoing.streams).toBe(false)
  })

  it('sends the first bytes again when the caller has changed the buffer meanwhile', async () => {
    const buffer = Buffer.from('before')
    const outgoing = outgoingBody(buffer)
    buffer.write('after!')
    expect(await textOf(outgoing.body)).toBe('before')
    expect(await textOf(outgoing.again?.())).toBe('before')
  })

  it('sends the first fields again when the caller has changed the form meanwhile', async () => {
    const params = new URLSearchParams({ a: '1' })
    const form = new FormData()
    form.set('a', '1')
    const [sentParams, sentForm] = [outgoingBody(params), outgoingBody(form)]
    params.set('a', '2')
    form.set('a', '2')
    expect(await textOf(sentParams.again?.())).toBe('a=1')
    expect(await textOf(sentForm.again?.())).toMatch(/name="a"\r\n\r\n1\r\n/)
  })

  it.each([
    ['a web stream', () => new Blob(['ab']).stream()],
    ['a Node stream', () => Readable.from(['ab'])],
    [
      'an async generator',
      async function* () {
        yield new TextEncoder().encode('ab')
      },
    ],
  ])('sends %s once, as it is', (_name, make) => {
    const body = make()
    const outgoing = outgoingBody(typeof body === 'function' ? (body as () => unknown)() : body)
    expect(outgoing.again).toBeUndefined()
    expect(outgoing.streams).toBe(true)
  })

  it.each([undefined, null])('sends nothing for %j, twice', (body) => {
    const outgoing = outgoingBody(body)
    expect(outgoing.body).toBeNull()
    expect(outgoing.again?.()).toBeNull()
  })
})

describe('requestBody', () => {
  const post = (body: string): Request => new Request('https://api.example.com', { method: 'POST', body })

  it('keeps the body of a Request up to the limit, and uses the Request up', async () => {
    const request = post('a'.repeat(replayLimitBytes))
    const outgoing = await requestBody(request)
    expect((await textOf(outgoing.body)).length).toBe(replayLimitBytes)
    expect((await textOf(outgoing.again?.())).length).toBe(replayLimitBytes)
    expect(request.bodyUsed).toBe(true)
  })

  it('streams a longer one, complete and only once', async () => {
    const text = 'abcdefgh'.repeat(replayLimitBytes / 4)
    const outgoing = await requestBody(post(text))
    expect(outgoing.again).toBeUndefined()
    expect(outgoing.streams).toBe(true)
    expect((await textOf(outgoing.body)) === text).toBe(true)
  })

  it('refuses a Request that was sent already, as fetch does', async () => {
    const request = post('a')
    await request.text()
    await expect(requestBody(request)).rejects.toThrow(TypeError)
  })

  it('has no body for a Request without one', async () => {
    expect((await requestBody(new Request('https://api.example.com'))).body).toBeNull()
  })
})
