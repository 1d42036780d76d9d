/**
 * What of the environment of scripts is easier said in Lua. Callbacks that Lua's own C functions would call run here from
 * Lua instead, so that a script can be left while they run (see coroutines.ts): gsub with a function, sort with an order.
 * It runs once, before anything is protected; its names are local, and its functions keep Lua's own as upvalues.
 */
export const PRELUDE = `
local error, type, tostring, select = error, type, tostring, select
local find, sub, gsub, concat, sort = string.find, string.sub, string.gsub, table.concat, table.sort
local collect, loadstring, pairs = collectgarbage, loadstring, pairs
local create, resume = coroutine.create, coroutine.resume

local function finish(ok, ...)
  if ok then return ... end
  local problem = ...
  -- this function, the wrapper that has called it last, and who has called that
  if type(problem) == 'string' then error(problem, 3) end
  error(problem, 0)
end

function coroutine.wrap(f)
  if type(f) ~= 'function' then
    error("bad argument #1 to 'wrap' (Lua function expected)", 2)
  end
  local co = create(f)
  return function(...) return finish(resume(co, ...)) end
end

function load(reader, name)
  if type(reader) ~= 'function' then
    error("bad argument #1 to 'load' (function expected, got " .. type(reader) .. ")", 2)
  end
  local pieces, count = {}, 0
  while true do
    local piece = reader()
    if piece == nil or piece == '' then break end
    if type(piece) ~= 'string' then return nil, 'reader function must return a string' end
    count = count + 1
    pieces[count] = piece
  end
  return loadstring(concat(pieces), name or '=(load)')
end

function collectgarbage(what, value)
  if what == 'stop' or what == 'setpause' or what == 'setstepmul' then return 0 end
  return collect(what or 'collect', value or 0)
end

local function gsubWithFunction(text, pattern, replace, max)
  local pieces, count = {}, 0
  local at, last, done = 1, #text, 0
  local anchored = sub(pattern, 1, 1) == '^'
  local function step(from, to, ...)
    if from == nil then return nil end
    local whole = sub(text, from, to)
    local value
    if select('#', ...) == 0 then value = replace(whole) else value = replace(...) end
    if value == nil or value == false then value = whole
    elseif type(value) ~= 'string' and type(value) ~= 'number' then
      error('invalid replacement value (a ' .. type(value) .. ')', 4)
    end
    if from > at then
      count = count + 1
      pieces[count] = sub(text, at, from - 1)
    end
    count = count + 1
    pieces[count] = value
    return from, to
  end
  while max == nil or done < max do
    local from, to = step(find(text, pattern, at))
    if from == nil then break end
    done = done + 1
    if to >= from then
      at = to + 1
    else
      if from <= last then
        count = count + 1
        pieces[count] = sub(text, from, from)
      end
      at = from + 1
    end
    if anchored or at > last + 1 then break end
  end
  if at <= last then
    count = count + 1
    pieces[count] = sub(text, at)
  end
  return concat(pieces), done
end

function string.gsub(text, pattern, replace, max, ...)
  if type(replace) == 'function' and type(pattern) == 'string'
    and (type(text) == 'string' or type(text) == 'number') and (max == nil or type(max) == 'number') then
    return gsubWithFunction(tostring(text), pattern, replace, max)
  end
  return gsub(text, pattern, replace, max)
end

-- merge sort: as many comparisons as there must be, and an order that contradicts itself ends all the same
local function sortWithOrder(t, before)
  local n = #t
  local from, to = {}, {}
  for i = 1, n do from[i] = t[i] end
  local width = 1
  while width < n do
    for low = 1, n, 2 * width do
      local left, right = low, low + width
      local leftEnd, rightEnd = right - 1, right + width - 1
      if leftEnd > n then leftEnd = n end
      if rightEnd > n then rightEnd = n end
      for k = low, rightEnd do
        if left <= leftEnd and (right > rightEnd or not before(from[right], from[left])) then
          to[k] = from[left]
          left = left + 1
        else
          to[k] = from[right]
          right = right + 1
        end
      end
    end
    from, to = to, from
    width = width * 2
  end
  for i = 1, n do t[i] = from[i] end
end

function table.sort(t, before)
  if type(before) == 'function' and type(t) == 'table' then return sortWithOrder(t, before) end
  return sort(t, before)
end

function table.foreach(t, f)
  for key, value in pairs(t) do
    local result = f(key, value)
    if result ~= nil then return result end
  end
end

function table.foreachi(t, f)
  for i = 1, #t do
    local result = f(i, t[i])
    if result ~= nil then return result end
  end
end

string.gfind = string.gmatch
`;
