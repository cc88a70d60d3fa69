import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { FileMutex } from './file-mutex.ts'
import { type ProcessId, thisProcess } from './process-id.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-mutex-'))
  folders.push(folder)
  return join(folder, 'account.json')
}

const locksOf = (path: string): readonly string[] =>
  readdirSync(dirname(path)).filter((name) => name.includes('.lock.'))

const source = new URL('./file-mutex.ts', import.meta.url).href
const run = ['--conditions=@latchkey/source', '--input-type=module', '-e']

/** Leaves a lock as another process would. */
function lock(path: string, number: number, who: Partial<ProcessId>, since = Date.now()): void {
  const holder = { process: { ...thisProcess, ...who }, thread: 'another', hold: 'another', since }
  writeFileSync(`${path}.lock.${number}`, JSON.stringify(holder))
}

/** Adds one to a number in a file, slowly enough that two at once would lose one. */
async function increase(path: string): Promise<void> {
  const before = Number(readFileSync(path, 'utf8'))
  for (let look = 0; look < 50; look += 1) await turn()
  writeFileSync(path, String(before + 1))
}

describe('FileMutex', () => {
  it('lets one at a time in, of one object, of several, and of another process', async () => {
    const path = newPath()
    const count = `${path}.count`
    writeFileSync(count, '0')
    const program = `
      import { readFileSync, writeFileSync } from 'node:fs'
      import { FileMutex } from ${JSON.stringify(source)}
      const mutex = new FileMutex(${JSON.stringify(path)})
      for (let round = 0; round < 30; round += 1) await mutex.run(async () => {
        const before = Number(readFileSync(${JSON.stringify(count)}, 'utf8'))
        for (let look = 0; look < 50; look += 1) await new Promise(setImmediate)
        writeFileSync(${JSON.stringify(count)}, String(before + 1))
      })`
    const other = spawn(process.execPath, [...run, program], { stdio: 'inherit' })
    const ended = once(other, 'exit')
    const mutexes = [new FileMutex(path), new FileMutex(path)]
    const work = Array.from({ length: 60 }, (_, index) => mutexes[index % 2]?.run(() => increase(count)))
    await Promise.all(work)
    expect((await ended)[0]).toBe(0)
    expect(readFileSync(count, 'utf8')).toBe('90')
    expect(locksOf(path)).toHaveLength(1)
  })

  it('is free again when the work fails, and hands its error on', async () => {
    const mutex = new FileMutex(newPath())
    await expect(mutex.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
    expect(await mutex.run(async () => 'next')).toBe('next')
  })

  it.each<[string, Partial<ProcessId>, number]>([
    ['a process that has ended', { pid: 2 ** 22 + 1 }, 0],
    ['a process of the same pid that began at another time', { startedAt: '1' }, 0],
    ['another machine, half a minute ago', { machine: 'elsewhere' }, 31_000],
  ])('is taken over from %s', async (_whose, who, agoMs) => {
    const path = newPath()
    lock(path, 7, who, Date.now() - agoMs)
    expect(await new FileMutex(path).run(async () => 'mine')).toBe('mine')
    expect(locksOf(path)).toEqual(['account.json.lock.8'])
  })

  it('is taken over after half a minute where nobody knows when the process of that pid began', async () => {
    const path = newPath()
    const { startedAt: _, ...unknown } = thisProcess
    const holder = { process: unknown, thread: 'another', hold: 'another', since: Date.now() - 31_000 }
    writeFileSync(`${path}.lock.1`, JSON.stringify(holder))
    expect(await new FileMutex(path).run(async () => 'mine')).toBe('mine')
  })

  it.each(['', '{', '{"since":1}'])('is nobody’s where the file holds %j', async (text) => {
    const path = newPath()
    writeFileSync(`${path}.lock.3`, text)
    expect(await new FileMutex(path).run(async () => 'mine')).toBe('mine')
  })

  it('is not taken from a process that runs, and is free at the moment it is killed', async () => {
    const path = newPath()
    const program = `
      import { FileMutex } from ${JSON.stringify(source)}
      setInterval(() => {}, 1000)
      await new FileMutex(${JSON.stringify(path)}).run(() => new Promise(() => console.log('held')))`
    const holder = spawn(process.execPath, [...run, program], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(holder.stdout, 'data')
    let isMine = false
    const taking = new FileMutex(path).run(async () => {
      isMine = true
    })
    for (let look = 0; look < 20; look += 1) await turn()
    expect(isMine).toBe(false)
    holder.kill('SIGKILL')
    await taking
    expect(isMine).toBe(true)
  })

  it('cannot be had where the lock cannot be read: its holder may be at work', async () => {
    const path = newPath()
    mkdirSync(`${path}.lock.1`)
    await expect(new FileMutex(path).run(async () => 'mine')).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('cannot be read (EISDIR)'),
    })
  })

  it.skipIf(process.platform === 'win32')(
    'stays with nobody when it could not be given back, and the work is done all the same',
    () => {
      const path = newPath()
      // Without a descriptor left no file can be opened.
      const program = `
        import { closeSync, openSync } from 'node:fs'
        import { FileMutex } from ${JSON.stringify(source)}
        const open = []
        const mutex = new FileMutex(${JSON.stringify(path)})
        const done = await mutex.run(async () => {
          try { for (;;) open.push(openSync('/dev/null')) } catch (error) { return error.code }
        })
        for (const one of open) closeSync(one)
        console.log(done, await mutex.run(async () => 'again'))`
      const command = `ulimit -n 128; exec "$0" "$@"`
      const said = execFileSync('bash', ['-c', command, process.execPath, ...run, program], {
        encoding: 'utf8',
      })
      expect(said).toBe('EMFILE again\n')
    },
  )
})
