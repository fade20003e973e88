# payi.h -> one page of the manual (mdoc) per function: its declaration, and the comment above it.
#
#     awk -v dir=OUT -v date="November 27, 2026" -f api.awk include/payi/payi.h
#
# A comment belongs to the declarations right below it; those of one group share a page's text, and each has a page. Writes
# dir/NAME.3, and prints the names, one a line.

function plain(text) { # a comment's line without its frame
	sub(/^[ \t]*\/\*[ \t]?/, "", text)
	sub(/[ \t]*\*\/[ \t]*$/, "", text)
	sub(/^[ \t]*\*[ \t]?/, "", text)
	return text
}

function safe(text) { # nothing that roff would take for its own
	gsub(/\\/, "\\e", text)
	sub(/^[.']/, "\\\\\\&&", text)
	return text
}

# "PAYI_API payi_status payi_track(payi_client *client, const payi_event *event);"
function name_of(declaration, at) {
	at = match(declaration, /payi_[a-z_]+\(/)
	return substr(declaration, at, RLENGTH - 1)
}

# Each in a line of its own, as roff likes it.
function sentences(text, file) {
	while (match(text, /[.!?]\)? +["A-Z_a-z]/)) {
		print safe(substr(text, 1, RSTART + RLENGTH - 3)) >file
		text = substr(text, RSTART + RLENGTH - 1)
	}
	if (text != "")
		print safe(text) >file
}

function page(declaration,    name, file, type, arguments, n, part, i, paragraph) {
	name = name_of(declaration)
	file = dir "/" name ".3"
	type = substr(declaration, 1, index(declaration, name "(") - 1)
	arguments = substr(declaration, index(declaration, name "(") + length(name) + 1)
	sub(/\);.*/, "", arguments)
	printf ".Dd %s\n.Dt %s 3\n.Os payi-agent\n.Sh NAME\n.Nm %s\n.Nd %s\n", date, toupper(name), name, about() >file
	printf ".Sh LIBRARY\nlibpayi, \\-lpayi\n.Sh SYNOPSIS\n.In payi/payi.h\n.Ft \"%s\"\n.Fo %s\n", trim(type), name >file
	n = split(arguments, part, /, */)
	for (i = 1; i <= n; i++)
		printf ".Fa \"%s\"\n", trim(part[i]) >file
	printf ".Fc\n.Sh DESCRIPTION\n" >file
	for (i = 1; i <= lines; i++)
		if (line[i] == "") {
			sentences(paragraph, file)
			paragraph = ""
			print ".Pp" >file
		} else
			paragraph = paragraph (paragraph == "" ? "" : " ") line[i]
	sentences(paragraph, file)
	printf ".Sh SEE ALSO\n.Xr payi 3\n" >file
	close(file)
	print name
}

function trim(text) { sub(/^ +/, "", text); sub(/ +$/, "", text); return text }

# The first sentence's beginning, in a line.
function about(    text, i) {
	for (i = 1; i <= lines && line[i] != ""; i++)
		text = text (i > 1 ? " " : "") line[i]
	sub(/[.;:] .*/, "", text)
	sub(/[.;:]$/, "", text)
	return safe(tolower(substr(text, 1, 1)) substr(text, 2))
}

/^\/\* ----/ { lines = 0; next }
/^\/\*/ { in_comment = 1; lines = 0 }
in_comment {
	text = plain($0)
	if (!(lines == 0 && text == ""))
		line[++lines] = text
	if (/\*\//) {
		in_comment = 0
		while (lines > 0 && line[lines] == "")
			lines--
	}
	next
}
/^PAYI_API / { declaration = "" ; reading = 1; sub(/^PAYI_API /, "") }
reading {
	declaration = declaration (declaration == "" ? "" : " ") trim_tabs($0)
	if (/;[ \t]*$/) {
		gsub(/[ \t]+/, " ", declaration)
		page(declaration)
		reading = 0
	}
	next
}
function trim_tabs(text) { gsub(/^[ \t]+/, "", text); return text }
/^$/ { lines = 0 }
