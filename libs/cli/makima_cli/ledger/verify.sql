-- name: counted
-- Number of events, first and last position. Without gaps, count = last - first + 1.
select count(*), coalesce(min(position), 1), coalesce(max(position), 0) from event_log.events

-- name: broken
-- Streams whose event versions have a gap, or whose last version differs from the one in the streams table.
select s.tenant, s.stream from event_log.streams s
left join event_log.events e on e.tenant = s.tenant and e.stream = s.stream
group by s.tenant, s.stream, s.version
having count(e.*) <> s.version or coalesce(max(e.version), 0) <> s.version
limit 20
