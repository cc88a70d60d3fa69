const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/**
 * Shows on a terminal that something is waited for, and how long it may still take. Elsewhere nothing is shown.
 * @param until epoch milliseconds
 * @returns what ends it
 */
export function showWaiting(output: NodeJS.WriteStream, what: string, until: number): () => void {
  if (!output.isTTY) return () => {}
  let turn = 0
  const show = (): void => {
    const left = Math.max(0, Math.ceil((until - Date.now()) / 1_000))
    const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`
    output.write(`\r${frames[turn % frames.length]} ${what} (${time} left)  `)
    turn += 1
  }
  show()
  const timer = setInterval(show, 100)
  timer.unref()
  return () => {
    clearInterval(timer)
    output.write('\r\u001b[K')
  }
}
